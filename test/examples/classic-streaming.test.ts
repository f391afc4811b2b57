import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from '@jest/globals';
import { readStream } from '../../examples/classic-streaming/client.js';
import { type ClassicServer, startClassicServer } from '../../examples/classic-streaming/server.js';

let server: ClassicServer;
afterEach(() => server.close());

test('a message is read before the next one is written', async () => {
  const reader = new EventEmitter();
  let written = 1; // the first is written without a pause
  server = await startClassicServer(0, async () => {
    await once(reader, 'read');
    written++;
  });
  const seen: string[] = [];
  for await (const message of readStream(server.url)) {
    seen.push(message);
    expect(written).toBe(seen.length);
    reader.emit('read');
  }
  expect(seen).toEqual([1, 2, 3, 4, 5].map((number) => `Message ${number}/5`));
});

test('a client that leaves ends the work for it', async () => {
  const paused = new EventEmitter();
  let pauses = 0;
  server = await startClassicServer(0, async (signal) => {
    pauses++;
    await once(signal, 'abort');
    paused.emit('left');
  });
  const left = once(paused, 'left');
  const leave = new AbortController();
  const reading = async () => {
    for await (const _message of readStream(server.url, leave.signal)) leave.abort();
  };

  await expect(reading()).rejects.toThrow('abort');
  await left;
  expect(pauses).toBe(1);
});

test('only GET /stream is answered', async () => {
  server = await startClassicServer(0);
  const statuses = [fetch(server.url, { method: 'POST' }), fetch(new URL('/other', server.url))];

  expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([405, 404]);
});

test('the client shows when each message came', async () => {
  server = await startClassicServer(0, async () => {});
  const command = ['--import', 'tsx', 'examples/classic-streaming/client.ts', server.url.href];
  const client = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });

  expect(await text(client.stdout)).toMatch(/^( +\d+\.\d s {2}Message \d\/5\n){5}$/);
});
