import { fileURLToPath } from 'node:url';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { on, once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { closed } from '../../helpers/raw-http.js';
import { until } from '../../helpers/until.js';
import type { Command } from './children/audit.js';
import { recordsIn } from './records.js';

const CHILD = fileURLToPath(new URL('./children/audit.ts', import.meta.url));

jest.setTimeout(30_000); // each test starts a process

let directory: string;
let child: ChildProcess;
let problems: unknown[];
let readers: Reader[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'audit-'));
  problems = [];
  readers = [];
});

afterEach(async () => {
  child.kill('SIGKILL');
  await Promise.all(readers.map((reader) => reader.close()));
  await rm(directory, { recursive: true, force: true });
});

/** Starts the child with `fd` as its stdout, and gives the descriptor up; or with a file as its sink. */
async function start(sink: number | string): Promise<void> {
  const [stdout, ...path] = typeof sink === 'number' ? [sink] : (['ignore', sink] as const);
  child = spawn(process.execPath, ['--import', 'tsx', CHILD, ...path], {
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
  });
  if (typeof sink === 'number') closeSync(sink);
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

async function nextAnswer(): Promise<unknown> {
  for await (const [message] of on(child, 'message', { close: ['exit'] }) as AsyncIterable<[object]>) {
    if ('answer' in message) return message.answer;
  }
  throw new Error(`child ended with ${child.exitCode}`);
}

async function isAccepting(): Promise<boolean> {
  return ((await tell({ do: 'status' })) as { accepting: boolean }).accepting;
}

async function exitCode(): Promise<unknown> {
  return child.exitCode ?? (await once(child, 'exit'))[0];
}

interface Fifo {
  readonly path: string;
  openReader(): Reader;
  openWriter(): number;
}

/** A real pipe whose reading end is ours, to stall, close and open again. */
function makeFifo(): Fifo {
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
    readers.push(this);
  }
  read(): this {
    this.#socket.on('data', (data: Buffer) => {
      this.text += data.toString();
    });
    return this;
  }
  /** Settles when the writer is gone and everything was read. */
  ended(): Promise<void> {
    return closed(this.#socket);
  }
  async close(): Promise<void> {
    this.#socket.destroy();
    await closed(this.#socket);
  }
}

describe.each([
  ['stdout', (fifo: Fifo) => fifo.openWriter()],
  ['a file', (fifo: Fifo) => fifo.path],
] as const)('%s:', (_, open) => {
  test('a pipe whose reader stalls refuses new calls, never blocks the event loop, and loses nothing', async () => {
    const fifo = makeFifo();
    const reader = fifo.openReader();
    await start(open(fifo));
    await tell({ do: 'complete', count: 500 }); // several times what a pipe holds

    expect(await tell({ do: 'received' })).toBe('audit_unavailable');
    await until(async () => !(await isAccepting())); // that it answers at all: the event loop runs

    reader.read();
    await until(async () => (await tell({ do: 'received' })) === 'written');
    child.send({ do: 'close' });
    expect(await exitCode()).toBe(0);
    await reader.ended();
    const records = recordsIn(reader.text);
    expect(records.filter(({ stage }) => stage === 'completed')).toHaveLength(500);
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, i) => i));
    expect(records.at(-1)?.stage).toBe('received');
  });

  test('a stalled pipe does not keep the process from exiting', async () => {
    const fifo = makeFifo();
    fifo.openReader();
    await start(open(fifo));
    await tell({ do: 'complete', count: 500 });
    child.send({ do: 'exit' });

    expect(await exitCode()).toBe(3);
  });

  test('a pipe whose reader went away is used again when there is a new one', async () => {
    const fifo = makeFifo();
    const first = fifo.openReader().read();
    await start(open(fifo));
    expect(await tell({ do: 'received' })).toBe('written');
    await until(() => first.text.includes('"r0"')); // else the pipe keeps it for the second reader
    await first.close();
    expect(await tell({ do: 'received' })).toBe('audit_unavailable');
    expect(await tell({ do: 'status' })).toEqual({ accepting: false, healthy: false });

    const second = fifo.openReader().read();
    await until(isAccepting);
    expect(await tell({ do: 'received' })).toBe('written');
    await until(() => second.text.includes('"r2"'));
    expect(recordsIn(second.text).map(({ requestId }) => requestId)).toEqual(['r1', 'r2']);
    expect(problems).toEqual(['audit sink failing', 'audit sink recovered']);
  });

  test('a reader that goes away with the pipe full leaves its successor no half record, and none twice', async () => {
    const fifo = makeFifo();
    const first = fifo.openReader();
    await start(open(fifo));
    await tell({ do: 'complete', count: 500 });
    await until(async () => !(await isAccepting()));
    await first.close();
    await until(() => problems.includes('audit sink failing'));

    const second = fifo.openReader().read();
    await until(isAccepting);
    child.send({ do: 'close' });
    expect(await exitCode()).toBe(0);
    await second.ended();
    const seqs = recordsIn(second.text).map(({ seq }) => seq);
    const [oldest = 500] = seqs;
    expect(oldest).toBeLessThan(200); // what the first had taken, and what a FIFO that nobody has open forgets
    expect(seqs).toEqual(Array.from({ length: 500 - oldest }, (_, i) => oldest + i));
  });
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
