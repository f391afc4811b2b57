/** Modules of `dist/`: what is measured is what `npm run build` makes, and nothing that a loader adds to it. */
import type * as Config from '../../src/server/config/index.js';
import type * as Envelope from '../../src/server/mcp/envelope/envelope.js';
import type * as EraRouter from '../../src/server/mcp/era-router.js';
import type * as McpParts from '../../src/server/assemble-mcp.js';
import type * as Logger from '../../src/server/observe/logger.js';
import type * as PipelineParts from '../../src/server/assemble-http.js';
import type * as Server from '../../src/server/start.js';
import type * as Stores from '../../src/server/stores/index.js';

interface Modules {
  readonly 'config/index': typeof Config;
  readonly 'mcp/envelope/envelope': typeof Envelope;
  readonly 'mcp/era-router': typeof EraRouter;
  readonly 'assemble-mcp': typeof McpParts;
  readonly 'observe/logger': typeof Logger;
  readonly 'assemble-http': typeof PipelineParts;
  readonly start: typeof Server;
  readonly 'stores/index': typeof Stores;
}

export async function built<Path extends keyof Modules>(path: Path): Promise<Modules[Path]> {
  return (await import(new URL(`../../dist/server/${path}.js`, import.meta.url).href)) as Modules[Path];
}
