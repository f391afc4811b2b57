import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Command } from './children/audit.js';
import { recordsIn, until } from './records.js';

const CHILD = new URL('./children/audit.ts', import.meta.url).pathname;

jest.setTimeout(20_000); // each test starts a process

let directory: string;
let child: ChildProcess;
let problems: unknown[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'audit-'));
  problems = [];
});

afterEach(async () => {
  child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

/** Starts the child with `fd` as its stdout, and gives the descriptor up. */
async function start(fd: number): Promise<void> {
  child = spawn(process.execPath, ['--import', 'tsx', CHILD], { stdio: ['ignore', fd, 'inherit', 'ipc'] });
  closeSync(fd);
  child.on('message', (message: { problem?: unknown }) => {
    if ('problem' in message) problems.push(message.problem);
  });
  expect(await nextAnswer()).toBe('started');
}

async function tell(command: Command): Promise<unknown> {
  const answer = nextAnswer();
  child.send(command);
  return answer;
}

function nextAnswer(): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`child ended with ${code}`)));
    child.on('message', function listen(message: { answer?: unknown }) {
      if (!('answer' in message)) return;
      child.off('message', listen);
      resolve(message.answer);
    });
  });
}

async function exitCode(): Promise<unknown> {
  return child.exitCode ?? (await once(child, 'exit'))[0];
}

/** A real pipe whose reading end is ours, to stall, close and open again. */
function makeFifo(): { path: string; openReader(): Reader; openWriter(): number } {
  const path = join(directory, 'fifo');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  return {
    path,
    openReader: () => new Reader(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)),
    openWriter: () => openSync(path, 'w'),
  };
}

class Reader {
  text = '';
  readonly #socket: Socket;
  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: false });
  }
  read(): this {
    this.#socket.on('data', (data: Buffer) => {
      this.text += data.toString();
    });
    return this;
  }
  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}

test('a pipe whose reader stalls refuses new calls, never blocks the event loop, and loses nothing', async () => {
  const fifo = makeFifo();
  const reader = fifo.openReader();
  await start(fifo.openWriter());
  await tell({ do: 'complete', count: 500 }); // several times what a pipe holds

  const started = performance.now();
  expect(await tell({ do: 'status' })).toEqual({ accepting: true, healthy: true });
  expect(performance.now() - started).toBeLessThan(500);
  expect(await tell({ do: 'received' })).toBe('audit_unavailable');
  await until(async () => !((await tell({ do: 'status' })) as { accepting: boolean }).accepting);

  reader.read();
  await until(async () => ((await tell({ do: 'status' })) as { accepting: boolean }).accepting);
  expect(await tell({ do: 'received' })).toBe('written');
  child.send({ do: 'close' });
  expect(await exitCode()).toBe(0);
  await until(() => reader.text.includes('"r501"'));
  expect(recordsIn(reader.text).map(({ seq }) => seq)).toEqual(Array.from({ length: 502 }, (_, i) => i));
  await reader.close();
});

test('a stalled pipe does not keep the process from exiting', async () => {
  const fifo = makeFifo();
  const reader = fifo.openReader();
  await start(fifo.openWriter());
  await tell({ do: 'complete', count: 500 });
  const started = performance.now();
  child.send({ do: 'exit' });

  expect(await exitCode()).toBe(3);
  expect(performance.now() - started).toBeLessThan(2000);
  await reader.close();
});

test('a pipe whose reader went away is used again when there is a new one', async () => {
  const fifo = makeFifo();
  const first = fifo.openReader().read();
  await start(fifo.openWriter());
  expect(await tell({ do: 'received' })).toBe('written');
  await first.close();
  expect(await tell({ do: 'received' })).toBe('audit_unavailable');
  expect(await tell({ do: 'status' })).toEqual({ accepting: false, healthy: false });

  const second = fifo.openReader().read();
  await until(async () => ((await tell({ do: 'status' })) as { accepting: boolean }).accepting);
  expect(await tell({ do: 'received' })).toBe('written');
  await until(() => second.text.includes('"r2"'));
  expect(recordsIn(second.text).map(({ requestId }) => requestId)).toEqual(['r1', 'r2']);
  expect(problems).toEqual(['audit sink failing', 'audit sink recovered']);
  await second.close();
});

test('stdout that is a file gets every record', async () => {
  const path = join(directory, 'out');
  await start(openSync(path, 'a'));
  await tell({ do: 'complete', count: 100 });
  expect(await tell({ do: 'received' })).toBe('written');
  child.send({ do: 'close' });

  expect(await exitCode()).toBe(0);
  expect(recordsIn(await readFile(path, 'utf8'))).toHaveLength(101);
});
