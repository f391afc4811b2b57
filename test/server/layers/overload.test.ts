import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { type OverloadOptions, overload } from '../../../src/server/layers/overload.js';
import { serve } from './serve.js';

const guards: ReturnType<typeof overload>[] = [];

function guard(options: OverloadOptions) {
  const made = overload(options);
  guards.push(made);
  return made;
}

afterEach(() => {
  for (const made of guards.splice(0)) made.close();
});

/** Asks again until the answer has that status; jest's time-out is the limit. */
async function untilStatus(url: string, status: number): Promise<Response> {
  for (;;) {
    const response = await fetch(url);
    if (response.status === status) return response;
    await response.text();
  }
}

test('a request beyond the cap is refused, and passes when an earlier one is over', async () => {
  const { url, audit } = await serve([
    guard({ maxInFlight: 1 }),
    (req, res, next) => (req.path === '/slow' ? void res.write('…') : next()),
  ]);
  const abort = new AbortController();
  await fetch(`${url}/slow`, { signal: abort.signal });

  const refused = await fetch(url);
  abort.abort();
  await audit.record(1);

  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.text()).toContain('overloaded');
  expect((await fetch(url)).status).toBe(200);
});

test('pipelined requests of a dead connection give their places back', async () => {
  const { url, port, audit } = await serve([
    guard({ maxInFlight: 3, maxHeapShare: 1 }),
    (req, _res, next) => (req.path === '/hang' ? undefined : next()),
  ]);
  const socket = net.connect(port, '127.0.0.1');
  socket.write('GET /hang HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
  await untilStatus(url, 503);

  const before = audit.ended.length;
  socket.destroy();
  await audit.record(before + 2);

  expect((await fetch(url)).status).toBe(200);
});

test('a busy event loop refuses until it is idle again', async () => {
  const { url } = await serve([guard({ maxInFlight: 100, maxEventLoopDelayMs: 15, maxHeapShare: 1 })]);
  const block = setInterval(() => {
    const until = performance.now() + 60;
    while (performance.now() < until);
  }, 5);

  const refused = await untilStatus(url, 503);
  clearInterval(block);

  expect(await refused.text()).toContain('overloaded');
  expect((await untilStatus(url, 200)).status).toBe(200);
});

test('one long turn of the event loop, as of a start or a collection, is over when it is seen: nothing is refused', async () => {
  const { url } = await serve([guard({ maxInFlight: 100, maxHeapShare: 1 })]);
  const statuses = new Set<number>();
  const askUntil = async (end: number) => {
    while (performance.now() < end) statuses.add((await fetch(url)).status);
  };
  await askUntil(performance.now() + 100); // the delay of a turn is known from its second on
  const blockedUntil = performance.now() + 2000;
  while (performance.now() < blockedUntil);
  await askUntil(blockedUntil + 700);

  expect([...statuses]).toEqual([200]);
});

test('while the largest answer would find no room beside those that nobody reads, new work is refused', async () => {
  let hasRoom = false;
  const { url, audit } = await serve([guard({ maxInFlight: 100, maxHeapShare: 1, hasRoom: () => hasRoom })]);

  const refused = await fetch(url);
  await audit.record();
  hasRoom = true;

  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(audit.ended[0]?.detail).toEqual({ reason: 'answers' });
  expect((await fetch(url)).status).toBe(200);
});

test('a full heap refuses', async () => {
  const { url, audit } = await serve([guard({ maxInFlight: 100, maxHeapShare: 0 })]);

  await untilStatus(url, 503);
  while (audit.ended.at(-1)?.reason !== 'overloaded') await once(audit, 'end');

  expect(audit.ended.at(-1)?.detail).toEqual({ reason: 'heap' });
});
