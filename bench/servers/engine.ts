/** Our eras without a layer in front of them, to see what the layers cost: everything a layer would have found out is a constant. */
import type { NextFunction, Request, Response } from 'express';
import { built } from './built.js';
import { listen, readBody } from './http.js';
import type { BenchServer, ServerOptions } from './options.js';
import { definitions, loadConfig } from './ours.js';

export async function startEngine(options: ServerOptions): Promise<BenchServer> {
  const [{ createEras }, { createMcpParts }, { envelope }, { eraRouter }, { openStores }] = await Promise.all(
    [
      built('assemble-http'),
      built('assemble-mcp'),
      built('mcp/envelope/envelope'),
      built('mcp/era-router'),
      built('stores/index'),
    ],
  );
  const config = await loadConfig(options);
  const stores = await openStores({ sessionIdleMs: 1e6, streamMaxBytes: 1e6, streamRetainMs: 1e6 });
  const logger = console as never;
  const services = {} as never;
  const mcp = createMcpParts({ config, definitions: definitions(options), services, stores, logger });
  const { eras } = createEras(config, mcp, () => ({}), stores, []);
  const read = envelope(mcp.catalog);
  const route = eraRouter(eras);
  const found = {
    requestId: 'bench',
    audit: { note: ignore, session: ignore, arguments: ignore, received: async () => {}, streamOpen: ignore },
    caller: { issuer: 'bench', subject: 'bench', method: 'jwt', scopes: ['bench'] },
    watchCredential: () => ignore,
  };

  const port = await listen((message, answer) => {
    const req = message as Request;
    const res = answer as Response;
    const next = ignore as NextFunction; // neither passes an error on: both throw
    readBody(message)
      .then(async (bytes) => {
        Object.assign(req, found, { path: '/mcp', body: JSON.parse(bytes.toString()) as unknown });
        await read(req, res, next);
        await route(req, res, next);
      })
      .catch((error: unknown) => res.destroy(error as Error));
  });
  return { port };
}

function ignore(): void {}
