/** A server over stdio that has tools and, only with the argument `resources`, a resource. */
import { z } from 'zod';
import { compileCatalog } from '../../../../../src/server/mcp/definitions/catalog.js';
import { serveOverStdio } from '../../../../../src/server/mcp/stdio/stdio.js';
import { urlRules } from '../../../../../src/server/mcp/calls/safe-url.js';
import { tasks } from '../../../../../src/server/mcp/extensions/tasks/index.js';
import { createHandlers } from '../../../../../src/server/mcp/calls/handlers.js';
import { introduction } from '../../../../../src/server/mcp/definitions/server-info.js';
import { defineResource, defineTool } from '../../../../../src/server/mcp/definitions/tool.js';
import { openAudit } from '../../../../../src/server/observe/audit.js';
import { createLogger } from '../../../../../src/server/observe/logger.js';
import { memoryUsedOnce } from '../../../../../src/server/stores/memory/used-once.js';
import { memoryChanges } from '../../../../../src/server/stores/memory/bus.js';
import { noServices, noSettings } from '../../no-settings.js';

const ask = defineTool({
  name: 'ask',
  description: 'Asks for a name',
  scopes: [],
  input: { type: 'object' },
  async run(_input, context) {
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    const params = { message: 'Who?', requestedSchema };
    const { content } = await context.ask('who', { method: 'elicitation/create', params });
    return { content: [{ type: 'text', text: `Hello ${String(content?.['name'])}`, _meta }], _meta };
  },
});
const icons = [{ src: 'data:image/png;base64,AAAA', theme: 'light' }] as const;
const _meta = { 'com.example/shown': [1] };
const fail = defineTool({
  name: 'fail',
  title: 'Fail',
  description: 'Fails',
  icons,
  _meta,
  scopes: [],
  input: z.object({ loudly: z.boolean().optional() }),
  run: () => {
    throw new Error('password=hunter2');
  },
});

const visit = defineTool({
  name: 'visit',
  description: 'Sends its user to a URL',
  scopes: [],
  input: z.object({ url: z.string() }),
  run: async ({ url }, context) => {
    const params = { mode: 'url', message: 'Connect your account', url } as const;
    const { action } = await context.ask('connect', { method: 'elicitation/create', params });
    return action;
  },
});

const doc = defineResource({
  name: 'doc',
  description: 'A document',
  scopes: [],
  uri: 'test://doc/{id}',
  read: async (uri) => ({ uri, text: '' }),
});

const resources = process.argv.includes('resources') ? [doc] : [];
const catalog = compileCatalog({ tools: [ask, visit, fail], resources, prompts: [] });
const logger = createLogger('silent');
const changes = memoryChanges();
serveOverStdio({
  catalog,
  extensions: [{ id: 'org.example/both', declares: { 2025: { of: '2025' }, 2026: { of: '2026' } } }, tasks],
  changes,
  logger,
  audit: openAudit({ sinks: [{ kind: 'stderr' }], mode: 'strict', hmacKey: Buffer.alloc(32, 1) }),
  handlers: createHandlers({
    catalog,
    logger,
    settings: noSettings,
    services: noServices,
    publish: changes.publish,
    timeoutMs: 5_000,
    maxResultBytes: 100_000,
    urls: urlRules(['grants.example'], new URL('http://127.0.0.1:3000/mcp'), true),
  }),
  ...introduction({ title: 'Over stdio', icons, instructions: 'Ask first.' }, catalog),
  requestState: { keys: [Buffer.alloc(32, 1)], ttlS: 60, usedOnce: memoryUsedOnce() },
  askTimeoutMs: 5_000,
  limits: { maxBytes: 100_000, maxDepth: 64, maxMembers: 10_000 },
  caller: { issuer: 'stdio', subject: 'local', method: 'stdio', scopes: [] },
});
