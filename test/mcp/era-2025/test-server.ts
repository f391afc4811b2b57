/** A real HTTP server with the era behind a few stand-in layers: who calls is said by a header. */
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import express, { type NextFunction, type Request, type Response } from 'express';
import { pino } from 'pino';
import { z } from 'zod';
import { compileCatalog } from '../../../src/mcp/catalog.js';
import { envelope } from '../../../src/mcp/envelope.js';
import { errorResponse } from '../../../src/layers/error-response.js';
import { createEra2025, type Era2025Options } from '../../../src/mcp/era-2025/index.js';
import { createKeepAlive } from '../../../src/mcp/exchange/keep-alive.js';
import { createHandlers } from '../../../src/mcp/handlers.js';
import { type AskRequest, defineResource, defineTool, ToolError } from '../../../src/mcp/tool.js';
import type { AuditFacts } from '../../../src/observe/audit-record.js';
import { RefusedRequest } from '../../../src/refusal.js';
import type { SessionMail } from '../../../src/stores/types.js';
import { memoryBus, memoryChanges } from '../../../src/stores/memory/bus.js';
import { memoryEvents } from '../../../src/stores/memory/events.js';
import { memorySessions } from '../../../src/stores/memory/sessions.js';

const confirm: AskRequest = {
  method: 'elicitation/create',
  params: {
    message: 'Sure?',
    requestedSchema: { type: 'object', properties: { sure: { type: 'boolean' } }, required: ['sure'] },
  },
};
const sample: AskRequest = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }], maxTokens: 5 },
};
const QUESTIONS = { confirm, sample, roots: { method: 'roots/list' } as AskRequest };

/** What the tools saw: `started` and `cancelled` of `wait`, which ends when the test emits `release`. */
export const seen = new EventEmitter();

const tools = [
  defineTool({
    name: 'report',
    description: 'Logs at three levels, reports progress that does not always grow',
    scopes: [],
    input: z.object({}),
    run: (_input, context) => {
      context.log('debug', 'one');
      context.log('warning', { n: 2 });
      context.log('error', 'three');
      for (const done of [1, 1, 3, 2, 4]) context.progress(done, 4, `at ${done}`);
      return 'reported';
    },
  }),
  defineTool({
    name: 'peek',
    description: 'Tells what a call can see, and leaves a mark on all that it can reach',
    scopes: [],
    input: z.object({}),
    run: (_input, context) => {
      const { caller, requestId, canAsk } = context;
      const { subject } = caller as { subject: string };
      const marked = context as { left?: string };
      const left = marked.left ?? null;
      marked.left = subject;
      context.log('info', `peeked by ${subject}`);
      const methods = ['sampling/createMessage', 'elicitation/create', 'roots/list'] as const;
      return JSON.stringify({ subject, requestId, left, canAsk: methods.map((method) => canAsk(method)) });
    },
  }),
  defineTool({
    name: 'wait',
    description: 'Waits to be released or cancelled',
    scopes: [],
    input: z.object({
      name: z.string(),
      quiet: z.boolean().optional(),
      last: z.enum(['log', 'ask']).optional(),
    }),
    run: async ({ name, quiet, last }, { signal, ...context }) => {
      if (!quiet) context.log('info', 'waiting');
      const onAbort = () => {
        seen.emit(`cancelled ${name}`);
        setImmediate(() => {
          context.log('info', 'too late');
          seen.emit(`logged late ${name}`);
        });
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const released = once(seen, `release ${name}`, { signal });
      seen.emit(`started ${name}`);
      await released;
      if (last === 'log') context.log('info', 'waited');
      if (last === 'ask') await context.ask('roots', QUESTIONS.roots);
      seen.emit(`finished ${name}`);
      return 'released';
    },
  }),
  defineTool({
    name: 'ask',
    description: 'Asks the client',
    scopes: [],
    input: z.object({ what: z.enum(['confirm', 'sample', 'roots']) }),
    run: async ({ what }, context) => JSON.stringify(await context.ask(what, QUESTIONS[what])),
  }),
  defineTool({
    name: 'flood',
    description: 'Sends more than it is asked for',
    scopes: [],
    input: z.object({ logs: z.int(), bytes: z.int() }),
    run: ({ logs, bytes }, context) => {
      for (let i = 0; i < logs; i++) context.log('info', 'x'.repeat(bytes));
      return 'y'.repeat(bytes);
    },
  }),
  defineTool({
    name: 'fail',
    description: 'Throws',
    scopes: [],
    input: z.object({ secret: z.string() }),
    run: ({ secret }, context) => {
      context.log('info', 'about to fail');
      throw new Error(secret);
    },
  }),
];

const resources = [
  defineResource({
    name: 'doc',
    description: 'A document',
    scopes: [],
    uri: 'test://doc/{id}',
    read: async (uri, { id }) => {
      if (id === 'broken') throw new ToolError('This document is broken');
      return { uri, text: `text of ${id}` };
    },
  }),
];

interface TestServerOptions extends Partial<Era2025Options> {
  readonly idleMs?: number;
  readonly keepAliveMs?: number;
  readonly retainMs?: number;
}

export async function startTestServer({ idleMs, keepAliveMs, retainMs, ...change }: TestServerOptions = {}) {
  const catalog = compileCatalog({ tools, resources, prompts: [] });
  const logger = pino({ level: 'silent' });
  const sessions = memorySessions({ idleMs: idleMs ?? 600_000 });
  const changes = memoryChanges();
  const mail = memoryBus<SessionMail>();
  const events = memoryEvents({ maxStreamChars: 1_000_000, retainMs: retainMs ?? 60_000 });
  const handlers = createHandlers({
    catalog,
    logger,
    settings: {} as never,
    services: {} as never,
    publish: (one) => changes.publish(one),
    timeoutMs: 5_000,
    maxResultBytes: 1_000_000,
  });
  const keepAlive = createKeepAlive(keepAliveMs ?? 60_000);
  const options: Era2025Options = {
    handlers,
    catalog,
    sessions,
    changes,
    mail,
    events,
    sseMessagesPath: '/messages',
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true },
      logging: {},
      completions: {},
    },
    maxSessionsPerCaller: 3,
    maxStreamsPerCaller: 2,
    askTimeoutMs: 5_000,
    keepAlive,
    maxBufferBytes: 1_000_000,
    logger,
    ...change,
  };
  const era = createEra2025(options);
  const audits: AuditFacts[] = [];
  const app = express().use(
    express.json(),
    layers(audits),
    envelope(catalog, ['/sse', '/messages']),
    (req, res) => era.handle(req, res),
  );
  app.use(errorResponse({ logger, maxDrainBytes: 1_000 }));
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  const clients: Client[] = [];

  return {
    url,
    era,
    sessions,
    changes,
    mail,
    events,
    audits,
    keepAlive,
    /** Cuts every connection, as a network does. */
    cut: () => http.closeAllConnections(),
    /** The 1.x SDK's own client, connected. */
    connect: async (capabilities: object = {}, caller = 'alice') => {
      const client = new Client({ name: `client of ${caller}`, version: '1' }, { capabilities });
      const transport = new StreamableHTTPClientTransport(new URL(url), {
        requestInit: { headers: { 'x-test-caller': caller } },
      });
      clients.push(client);
      await client.connect(transport);
      return { client, transport, sessionId: transport.sessionId as string };
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await era.drain();
      http.closeAllConnections();
      await Promise.all([sessions.close(), events.close()]);
      keepAlive.close();
      await new Promise((done) => http.close(done));
    },
  };
}

function layers(audits: AuditFacts[]) {
  return (req: Request, res: Response, next: NextFunction) => {
    res.once('close', () => seen.emit('response closed'));
    const subject = req.header('x-test-caller') ?? 'alice';
    const facts: AuditFacts = {};
    audits.push(facts);
    req.requestId = `request-${audits.length}`;
    req.caller = { issuer: 'test', subject, method: 'none', scopes: [] };
    req.audit = {
      requestId: req.requestId,
      facts,
      note: (more) => void Object.assign(facts, more),
      session: (id) => void Object.assign(facts, { 'mcp.session': `hmac of ${id.length}` }),
      arguments: () => {},
      received: async () => {
        if (req.header('x-test-caller') === 'unaudited') throw new RefusedRequest('audit_unavailable');
      },
      streamOpen: () => {},
    };
    next();
  };
}
