import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { prompts } from '../../src/prompts/index.js';
import { resources } from '../../src/resources/index.js';
import { tools } from '../../src/tools/index.js';
import { serve, type Served } from '../helpers/serve.js';
import {
  compare,
  inEveryResult,
  type Permitted,
  permittedIn,
  type SameCall,
  toolCall,
} from '../helpers/two-eras.js';
import { documentFolder } from './context.js';

const PATH = 'events/night-of-reading.md';
const decline = { answers: [{ action: 'decline' }] };
const CASES: Readonly<Record<string, SameCall>> = {
  process_files: toolCall('process_files', { paths: ['.'] }, { logLevel: 'debug', progressToken: 'p' }),
  'process_files, missing': toolCall('process_files', { paths: ['missing.md'] }),
  delete_document: toolCall('delete_document', { path: PATH }, decline),
  'delete_document, escaping': toolCall('delete_document', { path: '../secret.txt' }, decline),
  find_duplicates: toolCall('find_duplicates', {}, { progressToken: 'p' }),
  whoami: toolCall('whoami', {}),
  log_levels: toolCall('log_levels', {}, { logLevel: 'warning' }),
  document: { method: 'resources/read', params: { uri: `documents:///${PATH}` } },
  summarize_document: {
    method: 'prompts/get',
    params: { name: 'summarize_document', arguments: { path: PATH } },
  },
};
const PERMITTED: readonly Permitted[] = [
  ...inEveryResult(Object.keys(CASES)),
  {
    cases: ['document'],
    at: 'answer.result.ttlMs',
    in2025: undefined,
    in2026: 0,
    why: '2026-07-28, caching',
  },
  {
    cases: ['document'],
    at: 'answer.result.cacheScope',
    in2025: undefined,
    in2026: 'private',
    why: '2026-07-28, caching',
  },
  {
    cases: ['delete_document'],
    at: 'contentType',
    in2025: 'text/event-stream',
    in2026: 'application/json',
    why: 'up to 2025-11-25 the server asks on the stream of the call',
  },
];

let server: Served;
let remove: () => Promise<void>;
beforeAll(async () => {
  const folder = await documentFolder();
  ({ remove } = folder);
  const scopes = ['documents:read', 'documents:write'];
  server = await serve({ tools, resources, prompts }, scopes, { FILES_ROOT: folder.root });
});
afterAll(async () => {
  await server.close();
  await remove();
});

test.each(Object.entries(CASES))('%s: the eras differ as permitted, and no more', async (name, call) => {
  const { in2025, found } = await compare(server, call);

  expect(in2025?.answer?.result).toBeDefined();
  expect(found).toEqual(permittedIn(name, PERMITTED));
});
