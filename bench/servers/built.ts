/** Modules of `dist/`: what is measured is what `npm run build` makes, and nothing that a loader adds to it. */
import type * as Config from '../../src/config.js';
import type * as Envelope from '../../src/mcp/envelope.js';
import type * as EraRouter from '../../src/mcp/era-router.js';
import type * as McpParts from '../../src/mcp-parts.js';
import type * as Logger from '../../src/observe/logger.js';
import type * as PipelineParts from '../../src/pipeline-parts.js';
import type * as Server from '../../src/server.js';
import type * as Stores from '../../src/stores/index.js';

interface Modules {
  readonly config: typeof Config;
  readonly 'mcp/envelope': typeof Envelope;
  readonly 'mcp/era-router': typeof EraRouter;
  readonly 'mcp-parts': typeof McpParts;
  readonly 'observe/logger': typeof Logger;
  readonly 'pipeline-parts': typeof PipelineParts;
  readonly server: typeof Server;
  readonly 'stores/index': typeof Stores;
}

export async function built<Path extends keyof Modules>(path: Path): Promise<Modules[Path]> {
  return (await import(new URL(`../../dist/${path}.js`, import.meta.url).href)) as Modules[Path];
}
