/** The era behind a real HTTP server, with tools that show what it does. */
import { EventEmitter, once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { z } from 'zod';
import { createEra2025, type Era2025Options } from '../../../../src/server/mcp/era-2025/index.js';
import { createKeepAlive } from '../../../../src/server/mcp/exchange/keep-alive.js';
import {
  type AskRequest,
  defineResource,
  defineTool,
  ToolError,
  type Definitions,
} from '../../../../src/server/mcp/definitions/tool.js';
import { memoryBus, memoryChanges, memoryClientReplies } from '../../../../src/server/stores/memory/bus.js';
import { memoryEvents } from '../../../../src/server/stores/memory/events.js';
import { memoryStreamSlots } from '../../../../src/server/stores/memory/stream-slots.js';
import { memorySessions } from '../../../../src/server/stores/memory/sessions.js';
import { eraParts, serveEra } from '../serve-era.js';

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
    name: 'forbidden',
    description: 'Is permitted to nobody',
    scopes: [],
    input: z.object({}),
    authorize: () => 'Not to you',
    run: () => 'done',
  }),
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
    input: z.object({ logs: z.int(), bytes: z.int(), waits: z.boolean().optional() }),
    run: async ({ logs, bytes, waits }, context) => {
      for (let i = 0; i < logs; i++) {
        const sent = context.log('info', 'x'.repeat(bytes));
        if (waits) await sent;
      }
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
  /** Instead of those above. */
  readonly definitions?: Partial<Definitions>;
}

export async function startTestServer({
  idleMs,
  keepAliveMs,
  retainMs,
  definitions = { tools, resources },
  ...change
}: TestServerOptions = {}) {
  const sessions = memorySessions(idleMs ?? 600_000);
  const missed = memoryBus<void>();
  const changes = { ...memoryChanges(), onMissed: missed.subscribe };
  const clientReplies = memoryClientReplies();
  const events = memoryEvents(1_000_000, retainMs ?? 60_000);
  const { catalog, handlers, logger, unsent } = eraParts(definitions, changes);
  const keepAlive = createKeepAlive(keepAliveMs ?? 60_000);
  const options: Era2025Options = {
    handlers,
    catalog,
    sessions,
    changes,
    clientReplies,
    events,
    streamSlots: memoryStreamSlots(),
    sseMessagesPath: '/messages',
    serverInfo: { name: 'test', version: '1' },
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true },
      logging: {},
      completions: {},
    },
    challenge: (error, scope) => ({
      'WWW-Authenticate': `Bearer error="${error}", scope="${scope.join(' ')}"`,
    }),
    maxSessionsPerCaller: 3,
    maxStreamsPerCaller: 2,
    askTimeoutMs: 5_000,
    keepAlive,
    unsent,
    maxBufferBytes: 1_000_000,
    logger,
    ...change,
  };
  const era = createEra2025(options);
  const served = await serveEra({ era, catalog, logger });
  const { url } = served;
  const clients: Client[] = [];

  return {
    ...served,
    era,
    sessions,
    changes,
    missed,
    clientReplies,
    events,
    keepAlive,
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
      await served.close();
      await Promise.all([sessions.close(), events.close()]);
      keepAlive.close();
    },
  };
}
