import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readStream } from '../../examples/classic-streaming/client.js';
import { type ClassicServer, startClassicServer } from '../../examples/classic-streaming/server.js';
import { shownFor } from '../docs/shell-blocks.js';
import { blocks, read, ROOT } from '../helpers/pages.js';
import { openShell, type Shell } from '../helpers/shell.js';

let server: ClassicServer;
afterEach(() => server?.close());

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

describe('the commands of the page', () => {
  const PAGE = 'examples/classic-streaming/README.md';
  const commands = shownFor('examples/classic-streaming').map(({ text }) => text);
  const [serving, reading] = ['server.ts', 'client.ts'].map((file) =>
    commands.find((one) => one.endsWith(file)),
  );
  let shell: Shell;
  beforeEach(() => {
    shell = openShell();
    shell.standIn('npx', '[ "$1" = tsx ]', 'shift', 'exec node --import tsx "$@"');
  });
  afterEach(() => shell.remove());

  test('are two: one serves, and says where', async () => {
    expect(commands).toHaveLength(2);
    const child = shell.start(`exec ${serving} 0`, {}, ROOT);
    const [line] = (await once(child.stdout?.setEncoding('utf8') ?? child, 'data')) as [string];
    const statuses = await fetch(line.replace('Streaming on ', '').trim(), { method: 'POST' });
    child.kill();
    await once(child, 'close');

    expect(statuses.status).toBe(405);
  });

  test('the other shows when each message came, as on the page', async () => {
    server = await startClassicServer(0, async () => {});
    const { stdout } = await shell.run(`${reading} ${server.url.href}`, {}, ROOT);
    const [shown] = blocks(read(PAGE)).filter(({ language }) => language === 'text');

    expect(stdout.replaceAll(/\d+\.\d/g, '…')).toBe(shown?.text.replaceAll(/\d+\.\d/g, '…'));
  });
});
