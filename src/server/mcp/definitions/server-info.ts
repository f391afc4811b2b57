/** How this server introduces itself in both eras. */
import { readFileSync } from 'node:fs';
import type { Catalog } from './catalog.js';

const manifest = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

export const serverInfo = { name: manifest.name, version: manifest.version } as const;

/** MCP `ServerCapabilities`. */
export type Capabilities = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What is not offered is not advertised (MCP, lifecycle, capability negotiation). */
export function capabilitiesOf({ prompts, resources }: Catalog): Capabilities {
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
