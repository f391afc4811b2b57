import type { Catalog } from './catalog.js';

type Capabilities = Readonly<Record<string, unknown>>;

/** A method whose capability is not declared does not exist. */
export function isOffered(method: string, capabilities: Capabilities): boolean {
  const [family = ''] = method.split('/');
  return Object.hasOwn(capabilities, family === 'completion' ? 'completions' : family);
}

/** MCP `ServerCapabilities`: what is not offered is not advertised (MCP, lifecycle, capability negotiation). */
export function capabilitiesOf({ prompts, resources }: Catalog): Readonly<Record<string, object>> {
  return {
    tools: { listChanged: true },
    ...(resources.length > 0 && { resources: { listChanged: true, subscribe: true } }),
    ...(prompts.size > 0 && { prompts: { listChanged: true } }),
    ...((prompts.size > 0 || resources.length > 0) && { completions: {} }),
    logging: {},
  };
}
