import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { DeadlineExceeded, withinDeadline } from '../../../src/server/stores/redis/command-deadline.js';

test('a command without an answer is given up', async () => {
  await expect(withinDeadline(new Promise(() => {}))).rejects.toThrow(DeadlineExceeded);
});

test('the answer, or the error, of a command in time is its own', async () => {
  expect(await withinDeadline(Promise.resolve('answer'))).toBe('answer');
  await expect(withinDeadline(Promise.reject(new Error('refused')))).rejects.toThrow('refused');
});

test('an answer that came while this process was busy beyond the deadline still counts', async () => {
  const echo =
    "const { parentPort } = require('node:worker_threads'); parentPort.once('message', (m) => parentPort.postMessage(m))";
  const worker = new Worker(echo, { eval: true });
  await once(worker, 'online');
  const work = once(worker, 'message');
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node, no window
  worker.postMessage('answer');
  const command = new Promise((resolve, reject) => {
    setImmediate(() => {
      withinDeadline(work).then(resolve, reject);
      const busyUntil = performance.now() + 500;
      while (performance.now() < busyUntil);
    }); // from here timers come before what came meanwhile
  });

  expect(await command).toEqual(['answer']);
  await worker.terminate();
});
