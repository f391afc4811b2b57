/** A server as production runs it, and the five things that every attack on it must leave true. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { developmentKey } from '../../src/server/identity/api-key-entry.js';
import { type Running, runFile } from '../helpers/built.js';
import { freePort } from '../helpers/free-port.js';
import { isOfRequest } from '../helpers/of-request.js';
import { parseRaw, type RawAnswer, rawRequest } from '../helpers/raw-http.js';
import { startIssuer, type TestIssuer } from '../server/identity/issuer.js';
import type { ReadRecord } from '../server/observe/records.js';
import { callTool, openSession, post } from '../server/process/requests.js';
import { formsOf } from './forms.js';

const CHILD = fileURLToPath(new URL('children/target.ts', import.meta.url));
const PLENTY = '1000000/60s';
/** What only a page of a framework, a stack, a path of this machine or the message of an exception has. */
const INSIDE = /<html|<!doctype|node_modules|\.[jt]s:\d|\n\s+at |\/tmp\/|inside of the tool/i;
const PUBLIC_URL = 'https://mcp.example/mcp';

export interface Target {
  readonly port: number;
  readonly url: string;
  readonly issuer: TestIssuer;
  /** Keys of the attacker, who holds every scope, of one who holds none, and of the neighbour whom nobody may harm. */
  readonly keys: Readonly<Record<'attacker' | 'weak' | 'neighbour', string>>;
  readonly running: Running;
  /** Sends bytes on a connection of its own. @returns every answer that came */
  send(bytes: string | Buffer): Promise<readonly RawAnswer[]>;
  /** Notes an answer that came in another way. */
  received(answer: Response): Promise<RawAnswer>;
  /** Notes a stream, which is not read to its end. */
  expects(stream: Response): void;
  /** Attacks, and judges: the answers as `400 malformed_request`, the canary, the audit, the process, the neighbour. */
  expectHarmless(attack: () => Promise<readonly RawAnswer[]>, answers: readonly string[]): Promise<void>;
  /** In nothing that came out of the process stands a secret, in any form. Each record is a line, and of somebody who was answered. */
  expectNothingShown(): Promise<void>;
  close(): Promise<void>;
}

export async function startTarget(env: Readonly<Record<string, string>> = {}): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'attack-'));
  const callers = {
    attacker: developmentKey(['canary']),
    weak: developmentKey([]),
    neighbour: developmentKey([]),
  };
  const entries = Object.entries(callers).map(([name, { entry }]) => ({ ...entry, name }));
  writeFileSync(join(folder, 'keys.json'), JSON.stringify({ version: 1, keys: entries }), { mode: 0o600 });
  writeFileSync(join(folder, 'canary'), '');
  const [port, adminPort] = [await freePort(), await freePort()];
  const issuer = await startIssuer();
  await issuer.rotate('one');
  const secrets = {
    STATE_KEYS: randomBytes(32).toString('base64url'),
    AUDIT_HMAC_KEY: randomBytes(32).toString('base64url'),
  };
  const running = runFile(
    CHILD,
    {
      NODE_ENV: 'production',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      PUBLIC_URL,
      ALLOWED_HOSTS: `127.0.0.1:${port}`,
      TRUSTED_PROXIES: 'none',
      AUTH: 'jwt,api-key',
      JWT_ISSUERS: issuer.url,
      API_KEYS_FILE: join(folder, 'keys.json'),
      RATE_LIMIT_IP: PLENTY,
      RATE_LIMIT_CALLER: PLENTY,
      RATE_LIMIT_AUTH_FAILURES: PLENTY,
      SHUTDOWN_DELAY_MS: '0',
      LOG_LEVEL: 'debug',
      CANARY: join(folder, 'canary'),
      ...secrets,
      ...env,
    },
    '--import',
    'tsx',
  );
  await running.saw(/Serving MCP on/);
  return target({ folder, port, adminPort, issuer, running, secrets, callers });
}

interface Parts {
  readonly folder: string;
  readonly port: number;
  readonly adminPort: number;
  readonly issuer: TestIssuer;
  readonly running: Running;
  readonly secrets: Readonly<Record<string, string>>;
  readonly callers: Readonly<Record<'attacker' | 'weak' | 'neighbour', ReturnType<typeof developmentKey>>>;
}

async function target({
  folder,
  port,
  adminPort,
  issuer,
  running,
  secrets,
  callers,
}: Parts): Promise<Target> {
  const url = `http://127.0.0.1:${port}/mcp`;
  const keys = { attacker: callers.attacker.key, weak: callers.weak.key, neighbour: callers.neighbour.key };
  const neighbour = { Authorization: `Bearer ${keys.neighbour}` };
  const session = { ...neighbour, ...(await openSession(url, neighbour)) };
  const outputs: string[] = [];
  /** Of every answer; what else stands in the audit was done by nobody who was answered. */
  const answered = new Set<string>();
  const marks = () => readFileSync(join(folder, 'canary'), 'utf8').length;
  /** Of whole lines. */
  const lines = () => running.printed.stdout.split('\n').slice(0, -1);
  const recordsOn = (id: string) =>
    lines()
      .filter((line) => line.includes(id))
      .map((line) => JSON.parse(line) as ReadRecord)
      .filter(({ requestId }) => requestId === id);
  const decisionsOn = (id: string) => recordsOn(id).filter(({ stage }) => stage !== 'received');

  async function received(answer: Response): Promise<RawAnswer> {
    const raw = {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      text: await answer.text(),
    };
    note(raw);
    return raw;
  }

  function note(answer: RawAnswer): void {
    outputs.push(JSON.stringify(answer.headers), answer.text);
    answered.add(answer.headers['x-request-id'] ?? '');
  }

  /** A call in each era, while the attack goes on. */
  async function neighbourCalls(): Promise<readonly RawAnswer[]> {
    const call2025 = post(url, { method: 'tools/call', params: { name: 'well', arguments: {} } }, session);
    const answers = await Promise.all([callTool(url, 'well', neighbour), call2025]);
    return Promise.all(answers.map(received));
  }

  return {
    port,
    url,
    issuer,
    keys,
    running,
    received,
    expects: (stream) => void answered.add(stream.headers.get('x-request-id') ?? ''),
    async send(bytes) {
      const answers = answersIn(await rawRequest(port, bytes));
      answers.forEach(note);
      return answers;
    },
    async expectHarmless(attack, expected) {
      const before = marks();
      const [answers, calls] = await Promise.all([notBusy(attack), notBusy(neighbourCalls)]);

      expect(answers.map(summary)).toEqual(expected);
      expect(marks()).toBe(before);
      for (const { text } of calls) expect(text).toContain('"text":"well"');
      for (const { headers } of answers) {
        const id = headers['x-request-id'] ?? '';
        while (decisionsOn(id).length === 0) await once(running.child, 'printed');
        expect(decisionsOn(id)).toHaveLength(1);
      }
      expect(running.child.exitCode).toBeNull();
    },
    async expectNothingShown() {
      const metrics = await fetch(`http://127.0.0.1:${adminPort}/metrics`);
      const hashes = Object.values(callers).flatMap(({ entry }) => entry.secrets.map(({ hash }) => hash));
      expect(outputs.filter((text) => INSIDE.test(text))).toEqual([]);
      const everything = [
        ...outputs,
        running.printed.stdout,
        running.printed.stderr,
        await metrics.text(),
      ].join('\n');
      const all = [...Object.values(secrets), ...Object.values(keys), ...hashes];
      expect(all.filter((secret) => formsOf(secret).some((form) => everything.includes(form)))).toEqual([]);
      expect(running.printed.stderr).not.toContain('\u001b');
      // A line break or an escape of somebody else would make a record, or hide one, on the screen of who reads it.
      expect(running.printed.stdout).not.toMatch(/[^\P{Cc}\n]|[\u2028\u2029]/u);
      const records = lines().map((line) => JSON.parse(line) as ReadRecord);
      const [_sessionOfTheNeighbour, ...ids] = records.filter(isOfRequest).map(({ requestId }) => requestId);
      expect(ids.filter((id) => !answered.has(id))).toEqual([]);
    },
    async close() {
      running.child.kill('SIGKILL');
      await running.ended();
      await issuer.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Other tests may hold the machine so long that the server refuses work for a moment. That answers no attack: once more. */
async function notBusy(attempt: () => Promise<readonly RawAnswer[]>): Promise<readonly RawAnswer[]> {
  for (;;) {
    const answers = await attempt();
    if (!answers.some((answer) => summary(answer) === '503 overloaded')) return answers;
    await delay(500);
  }
}

/** One after the other, as a proxy would read them from a connection. */
function answersIn(received: string): readonly RawAnswer[] {
  return received
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((text) => /^HTTP\/1\.1 [2-5]/.test(text))
    .map(parseRaw);
}

/** The code of a refusal or, in an answer without one, of a JSON-RPC error. */
function summary({ status, text }: RawAnswer): string {
  const [, code] = /"data":\{"code":"(\w+)"/.exec(text) ?? /"error":\{"code":(-\d+)/.exec(text) ?? [];
  return code === undefined ? String(status) : `${status} ${code}`;
}
