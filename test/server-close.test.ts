import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { loadConfig } from '../src/config.js';
import { createLogger } from '../src/observe/logger.js';
import { startServer } from '../src/server.js';

test('a connection that never sent a request does not keep the server from closing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'close-'));
  const env = { PORT: '0', ADMIN_PORT: '0', AUDIT_SINKS: `file:${join(folder, 'audit.log')}` };
  const definitions = { tools: [], resources: [], prompts: [] };
  const server = await startServer({ config: loadConfig(env), definitions, logger: createLogger('silent') });
  const silent = connect(Number(server.url.port), '127.0.0.1');
  const kept = connect(Number(server.url.port), '127.0.0.1');
  await Promise.all([once(silent, 'connect'), once(kept, 'connect')]);
  kept.write('GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(kept, 'data');
  const gone = Promise.all([once(silent, 'close'), once(kept, 'close')]);

  const startedAt = performance.now();
  await server.close(); // the grace is 65 seconds

  expect(performance.now() - startedAt).toBeLessThan(4_000);
  await gone;
  await rm(folder, { recursive: true });
});
