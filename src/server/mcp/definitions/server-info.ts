/** How this server introduces itself in both eras. */
import { readFileSync } from 'node:fs';
import type { Catalog } from './catalog.js';
import { requireShape } from './shapes.js';
import type { About } from './tool.js';

/** `package.json` of the clone, the only source of its name. */
export const manifest: { readonly name: string; readonly version: string } = JSON.parse(
  readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
);

/** MCP `ServerCapabilities`. */
export type Capabilities = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What `initialize` and `server/discover` answer. */
export interface Introduction {
  /** MCP `Implementation`. */
  readonly serverInfo: Omit<About, 'instructions'> & { readonly name: string; readonly version: string };
  readonly capabilities: Capabilities;
  readonly instructions?: string;
}

/** @throws {TypeError} naming the field at fault */
export function introduction(given: About, catalog: Catalog): Introduction {
  try {
    requireShape('about', given);
  } catch (error) {
    throw new TypeError(`about.ts: ${(error as Error).message}`, { cause: error });
  }
  const { instructions, ...about } = given;
  return {
    serverInfo: { name: manifest.name, version: manifest.version, ...about },
    capabilities: capabilitiesOf(catalog),
    ...(instructions !== undefined && { instructions }),
  };
}

/** Advertises only what is offered (MCP, lifecycle, capability negotiation). */
function capabilitiesOf({ prompts, resources }: Catalog): Capabilities {
  return {
    tools: { listChanged: true },
    ...(resources.length > 0 && { resources: { listChanged: true, subscribe: true } }),
    ...(prompts.size > 0 && { prompts: { listChanged: true } }),
    ...((prompts.size > 0 || resources.length > 0) && { completions: {} }),
    logging: {},
  };
}

/** A method whose capability is not declared does not exist. */
export function isOffered(method: string, capabilities: Capabilities): boolean {
  const [family = ''] = method.split('/');
  return Object.hasOwn(capabilities, family === 'completion' ? 'completions' : family);
}
