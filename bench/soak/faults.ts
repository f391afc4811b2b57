/** What goes wrong, in turn. While it does, the server may refuse, but must not answer wrongly. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LARGE, uriOf } from './documents.js';
import type { Fleet, Member } from './fleet.js';
import type { Ledger } from './ledger.js';
import { statelessRequest } from './visits-2026.js';

export interface Fault {
  readonly what: string;
  /** Whether the server may refuse with 503 meanwhile. */
  readonly isOutage: boolean;
  readonly from: number;
  readonly to: number;
}

interface Scene {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly token: string;
}

const FAULT_MS = 4000;
/** As long as a call lasts, so that most of them are cut. */
const CUT_EVERY_MS = 20;
/** How far into a record the disk is full: it leaves a torn line. */
const ROOM_BYTES = 700;
/** Longer than the server waits for a reader. */
const SLOW_MS = 35_000;

const FAULTS: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  'readers that do not read': async (scene) => {
    for (const { server } of scene.fleet.members) void readNothing(scene, server.url).catch(() => {}); // it goes, too
  },
  'Redis stands still': async ({ fleet }) => {
    fleet.redis.process.kill('SIGSTOP');
    await sleep(FAULT_MS);
    fleet.redis.process.kill('SIGCONT');
    await fleet.untilReady();
  },
  'no room for the audit': async ({ fleet }) => {
    await Promise.all(fleet.members.map(async (one) => limitFiles(one, (await sizeOf(one)) + ROOM_BYTES)));
    await sleep(FAULT_MS);
    for (const one of fleet.members) limitFiles(one, 'unlimited');
    await fleet.untilReady();
  },
  'clients that go away': async ({ ledger }) => {
    for (let i = 0; i < FAULT_MS / CUT_EVERY_MS; i++) {
      ledger.cutAll();
      await sleep(CUT_EVERY_MS);
    }
  },
  'Redis is restarted': async ({ fleet }) => {
    await fleet.stopRedis();
    await sleep(FAULT_MS);
    await fleet.restartRedis();
    await fleet.untilReady();
  },
  'a replica is replaced': async ({ fleet }) => {
    const exitCode = await fleet.replace(fleet.replicas.at(-1) as Member);
    if (exitCode !== 0) throw new Error(`a replica ended with exit code ${exitCode}`);
  },
};

const OUTAGES = ['Redis stands still', 'no room for the audit', 'Redis is restarted'];

/** All of them, again and again with pauses, until the time is over. */
export async function runFaults(
  scene: Scene,
  pauseMs: number,
  until: number,
  print: (text: string) => void,
): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  do {
    for (const [what, happen] of Object.entries(FAULTS)) {
      await sleep(pauseMs);
      const from = Date.now();
      await happen(scene);
      faults.push({ what, isOutage: OUTAGES.includes(what), from, to: Date.now() });
      print(`${new Date(from).toISOString()} ${what}, for ${Date.now() - from} ms`);
    }
  } while (Date.now() < until);
  return faults;
}

const sizeOf = async ({ auditFile }: Member) => (await stat(auditFile)).size;

/** The process can make no file longer, as on a full disk. */
function limitFiles({ server }: Member, bytes: number | 'unlimited'): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`]);
  if (status !== 0) throw new Error(`prlimit: ${String(stderr)}`);
}

/** Asks for more than the operating system holds, and takes nothing of it. */
async function readNothing({ ledger, token }: Scene, { port, hostname, host }: URL): Promise<void> {
  const socket = connect(Number(port), hostname)
    .pause()
    .on('error', () => {});
  await once(socket, 'connect');
  for (let i = 0; i < 4; i++) {
    const sent = ledger.begin('reads nothing', () => socket.destroy());
    const { headers, body } = statelessRequest('resources/read', { uri: uriOf(LARGE) });
    const text = JSON.stringify(body);
    const all = {
      ...headers,
      host,
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'x-request-id': sent.id,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    socket.write(`POST /mcp HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${text}`);
    socket.once('close', () => ledger.end(sent));
  }
  await Promise.race([once(socket, 'close'), sleep(SLOW_MS)]);
  socket.destroy();
}
