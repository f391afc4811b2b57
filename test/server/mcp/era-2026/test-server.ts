import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createEra2026 } from '../../../../src/server/mcp/era-2026/index.js';
import type { Era2026Options } from '../../../../src/server/mcp/era-2026/options.js';
import { createKeepAlive } from '../../../../src/server/mcp/exchange/keep-alive.js';
import type { Definitions } from '../../../../src/server/mcp/definitions/tool.js';
import { memoryUsedOnce } from '../../../../src/server/stores/memory/used-once.js';
import { memoryStreamSlots } from '../../../../src/server/stores/memory/stream-slots.js';
import { memoryBus, memoryChanges } from '../../../../src/server/stores/memory/bus.js';
import { eraParts, serveEra } from '../serve-era.js';

export const KEY = Buffer.alloc(32, 1);

export type TestServer = Awaited<ReturnType<typeof startTestServer>>;

export async function startTestServer(
  definitions: Partial<Definitions>,
  change: Partial<Era2026Options> = {},
) {
  const missed = memoryBus<void>();
  const changes = { ...memoryChanges(), onMissed: missed.subscribe };
  const { catalog, handlers, logger, logged, unsent } = eraParts(definitions, changes);
  const keepAlive = createKeepAlive(60_000);
  const era = createEra2026({
    handlers,
    extensions: [],
    catalog,
    changes,
    serverInfo: { name: 'test', version: '1' },
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      logging: {},
      completions: {},
    },
    streamSlots: memoryStreamSlots(),
    requestState: { keys: [KEY], ttlS: 600, usedOnce: memoryUsedOnce() },
    maxStreamsPerCaller: 2,
    keepAlive,
    unsent,
    maxBufferBytes: 1_000_000,
    logger,
    ...change,
  });
  const served = await serveEra({ era, catalog, logger });
  const { url } = served;
  const clients: Client[] = [];

  return {
    ...served,
    era,
    missed,
    changes,
    logged,
    keepAlive,
    /** The 2.x SDK's own client, pinned to this revision. */
    connect: async (capabilities: object = {}, caller = 'alice', name = 'test client') => {
      const client = new Client(
        { name, version: '1' },
        { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } },
      );
      clients.push(client);
      const requestInit = { headers: { 'x-test-caller': caller } };
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
      return client;
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      served.cut();
      await era.drain();
      keepAlive.close();
      await served.close();
    },
  };
}
