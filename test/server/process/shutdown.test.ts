import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { noServices } from '../mcp/no-settings.js';
import { runFile } from '../../helpers/built.js';
import { until } from '../../helpers/until.js';
import { readRecords } from '../observe/records.js';
import { call, callTool, openStream } from './requests.js';
import { closeAll, start } from './start.js';

const HANGING = fileURLToPath(new URL('children/hanging-services.ts', import.meta.url));
const GRACE = { SHUTDOWN_GRACE_MS: '500', TOOL_TIMEOUT_MS: '500' };

afterEach(closeAll);

const readyz = async (adminUrl: URL) => (await fetch(new URL('/readyz', adminUrl))).status;

/** Whether a connection comes about, or the reason why not. */
async function knock(url: URL): Promise<string> {
  const socket = connect(Number(url.port), url.hostname);
  try {
    await once(socket, 'connect');
    return 'connected';
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  } finally {
    socket.destroy();
  }
}

test('readiness ends first, then the listener, then what was in flight, and all of it is audited', async () => {
  const server = await start({ SHUTDOWN_DELAY_MS: '1000' });
  const waiting = once(server.events, 'waiting');
  const inFlight = callTool(server.url, 'wait');
  await waiting;
  expect(await readyz(server.adminUrl)).toBe(200);

  const closed = server.close();
  expect(await readyz(server.adminUrl)).toBe(503);
  expect((await callTool(server.url, 'crash')).status).toBe(200); // the load balancer has not noticed yet
  await until(async () => (await knock(server.url)) === 'ECONNREFUSED');
  expect(await readyz(server.adminUrl)).toBe(503); // probes are answered to the end
  server.events.emit('release');

  expect(await (await inFlight).text()).toContain('done');
  await closed;
  const records = await readRecords(server.audit);
  expect(records.map(({ stage }) => stage).sort()).toEqual([
    'completed',
    'completed',
    'received',
    'received',
  ]);
  expect(await knock(server.adminUrl)).toBe('ECONNREFUSED');
});

test('streams that only listen end cleanly in both eras, each with its record', async () => {
  const server = await start();
  const stream = await openStream(server.url);
  const subscription = await call(server.url, 'subscriptions/listen', {
    notifications: { toolsListChanged: true },
  });
  expect([stream.status, subscription.status]).toEqual([200, 200]);

  await server.close();
  await Promise.all([stream.text(), subscription.text()]); // a cut connection would throw
  const stages = (await readRecords(server.audit)).map(({ stage }) => stage);
  expect(stages.filter((stage) => stage === 'stream-open')).toHaveLength(2);
  expect(stages.filter((stage) => stage === 'stream-close')).toHaveLength(2);
});

test('a request that was invited to send its body has the grace to do so, and its answer closes the connection', async () => {
  const server = await start({ SHUTDOWN_GRACE_MS: '5000', TOOL_TIMEOUT_MS: '5000' });
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  const message = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  const socket = connect(Number(server.url.port), server.url.hostname);
  socket.write(
    `POST /mcp HTTP/1.1\r\nHost: ${server.url.host}\r\nContent-Type: application/json\r\n` +
      `Accept: application/json, text/event-stream\r\nExpect: 100-continue\r\nContent-Length: ${message.length}\r\n\r\n`,
  );
  await once(socket, 'data');
  const closing = server.close();
  await until(async () => (await knock(server.url)) === 'ECONNREFUSED');
  socket.write(message);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  await closing;

  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  expect(answer).toContain('"serverInfo"');
});

test('a call that outlasts the grace is cut, and its record says so', async () => {
  const server = await start({ SHUTDOWN_GRACE_MS: '200', TOOL_TIMEOUT_MS: '200' });
  const waiting = once(server.events, 'waiting');
  const inFlight = callTool(server.url, 'wait').then((res) => res.text(), String);
  await waiting;
  await server.close();
  await inFlight;

  expect((await readRecords(server.audit)).map(({ stage }) => stage)).toEqual(['received', 'completed']);
});

test('so is each of many requests that never ends, with its record', async () => {
  const server = await start({ SHUTDOWN_GRACE_MS: '200', TOOL_TIMEOUT_MS: '200' });
  const head =
    `POST /mcp HTTP/1.1\r\nHost: ${server.url.host}\r\nContent-Type: application/json\r\n` +
    'Accept: application/json, text/event-stream\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n';
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = connect(Number(server.url.port), server.url.hostname).on('error', () => {});
      socket.write(head);
      await once(socket, 'data'); // invited to send: it is in flight
    }),
  );

  await server.close();

  expect(await readRecords(server.audit)).toHaveLength(50);
});

test('a tool that fails takes nothing down, and tells nothing of the inside', async () => {
  const server = await start();
  const text = await (await callTool(server.url, 'crash')).text();

  expect(text).toContain('"isError":true');
  expect(text).not.toContain('inside of the tool');
  expect(await readyz(server.adminUrl)).toBe(200);
});

test('from unready on each answer closes its connection, those of calls in flight too: no client sends another on it', async () => {
  const server = await start({ SHUTDOWN_DELAY_MS: '500' });
  const callKeeping = (tool: string) => callTool(server.url, tool, { Connection: 'keep-alive' });
  const connectionOf = async (answer: Promise<Response>) => (await answer).headers.get('connection');
  const waiting = once(server.events, 'waiting');
  const inFlight = callKeeping('wait');
  await waiting;
  expect(await connectionOf(callKeeping('crash'))).toBe('keep-alive');

  const closed = server.close();
  expect(await connectionOf(callKeeping('crash'))).toBe('close');
  server.events.emit('release');

  expect(await connectionOf(inFlight)).toBe('close');
  await closed;
});

test.each([
  ['hang', () => new Promise<void>(() => {}), 'SHUTDOWN_GRACE_MS'],
  ['throw', () => Promise.reject(new Error('no connection')), 'no connection'],
])(
  'services that %s when they are closed fail the shutdown after the audit is written',
  async (_how, close, reason) => {
    const env = { ...GRACE, AUDIT_MODE: 'batch' };
    const server = await start(env, async () => ({ ...noServices, close }));
    await callTool(server.url, 'crash');

    await expect(server.close()).rejects.toThrow(reason);
    expect((await readRecords(server.audit)).map(({ stage }) => stage)).toEqual(['received', 'completed']);
    expect(await knock(server.adminUrl)).toBe('ECONNREFUSED');
  },
);

test('over stdio services that hang when they are closed end with the grace', async () => {
  const server = runFile(HANGING, GRACE, '--import', 'tsx');
  server.child.stdin?.end();

  expect(await server.ended()).toBe(1);
  expect(server.printed.stderr).toContain('SHUTDOWN_GRACE_MS');
}, 20_000);
