/** A real HTTP server with the era behind a few stand-in layers: who calls is said by a header. */
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import express, { type NextFunction, type Request, type Response } from 'express';
import { compileCatalog } from '../../../src/mcp/catalog.js';
import { envelope } from '../../../src/mcp/envelope.js';
import { createEra2026, type Era2026Options } from '../../../src/mcp/era-2026/index.js';
import { createKeepAlive } from '../../../src/mcp/exchange/keep-alive.js';
import { createHandlers } from '../../../src/mcp/handlers.js';
import type { Definitions } from '../../../src/mcp/tool.js';
import type { AuditFacts } from '../../../src/observe/audit-record.js';
import { RefusedRequest } from '../../../src/refusal.js';
import type { Change } from '../../../src/stores/types.js';
import { memoryOnce } from '../../../src/stores/memory/once.js';
import { memoryBus } from '../../../src/stores/memory/bus.js';

export const KEY = Buffer.alloc(32, 1);

export type TestServer = Awaited<ReturnType<typeof startTestServer>>;

export async function startTestServer(
  definitions: Partial<Definitions>,
  change: Partial<Era2026Options> = {},
) {
  const catalog = compileCatalog({ tools: [], resources: [], prompts: [], ...definitions });
  const changes = memoryBus<Change>();
  const logged: object[] = [];
  const ignore = () => {};
  const logger = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (facts: object) => void logged.push(facts),
    fatal: ignore,
  };
  const handlers = createHandlers({
    catalog,
    logger,
    settings: {} as never,
    services: {} as never,
    publish: (one) => changes.publish(one),
    timeoutMs: 5_000,
    maxResultBytes: 1_000_000,
  });
  const keepAlive = createKeepAlive(60_000);
  const era = createEra2026({
    handlers,
    catalog,
    changes,
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      logging: {},
      completions: {},
    },
    requestState: { keys: [KEY], ttlS: 600, once: memoryOnce() },
    maxStreamsPerCaller: 2,
    keepAlive,
    maxBufferBytes: 1_000_000,
    logger,
    ...change,
  });
  const audits: AuditFacts[] = [];
  /** Emits `received` when a call waits for its audit record, and `closed` at the end of each response. */
  const events = new EventEmitter();
  const app = express().use(
    express.json({ limit: '2mb' }),
    layers(audits, events),
    envelope(catalog),
    (req, res) => era.handle(req, res),
  );
  app.use(refusals);
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  const clients: Client[] = [];

  return {
    url,
    era,
    changes,
    audits,
    events,
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
      http.closeAllConnections();
      await era.drain();
      keepAlive.close();
      await new Promise((done) => http.close(done));
    },
  };
}

function layers(audits: AuditFacts[], events: EventEmitter) {
  return (req: Request, res: Response, next: NextFunction) => {
    const [subject = 'alice', ...scopes] = (req.header('x-test-caller') ?? 'alice').split(' ');
    const facts: AuditFacts = {};
    audits.push(facts);
    res.once('close', () => events.emit('closed', facts));
    req.requestId = `request-${audits.length}`;
    req.caller = { issuer: 'test', subject, method: 'api-key', scopes };
    req.audit = {
      requestId: req.requestId,
      facts,
      note: (more) => void Object.assign(facts, more),
      session: () => {},
      arguments: () => {},
      received: async () => {
        events.emit('received');
        if (subject === 'unauditable') throw new RefusedRequest('audit_unavailable');
      },
      streamOpen: () => {},
    };
    next();
  };
}

function refusals(error: unknown, req: Request, res: Response, _next: NextFunction) {
  const refused = error instanceof RefusedRequest ? error : new RefusedRequest('internal');
  res.status(refused.status).set(refused.headers).json(refused.toBody(req.requestId, req.envelope?.id));
}
