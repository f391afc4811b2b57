/** The real server around tools that record that they ran, and everything it has audited once it is closed. */
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { z } from 'zod';
import { atPort, loadConfig } from '../../../src/server/config/index.js';
import { newApiKey } from '../../../src/server/identity/api-key-format.js';
import { type Definitions, defineTool } from '../../../src/server/mcp/definitions/tool.js';
import { openAudit } from '../../../src/server/observe/audit.js';
import type { AuditRecord } from '../../../src/server/observe/audit-record.js';
import type { Logger } from '../../../src/server/observe/logger.js';
import { createPipeline } from '../../../src/server/pipeline.js';
import { openServer } from '../../../src/server/start.js';
import { openStores } from '../../../src/server/stores/index.js';
import type { Stores } from '../../../src/server/stores/types.js';
import { isOfRequest } from '../../helpers/of-request.js';

export const ALLOWED_ORIGIN = 'https://console.example';

const PAST = '2020-01-01T00:00:00Z';
const good = newApiKey('dev');
const other = newApiKey('dev');
const poor = newApiKey('dev');
const expired = newApiKey('dev');
const revoked = newApiKey('dev');

export const KEYS = {
  good: good.key,
  other: other.key,
  /** Lacks the scope of the tools. */
  poor: poor.key,
  expired: expired.key,
  revoked: revoked.key,
  unknown: newApiKey('dev').key,
  /** The id of a good key with another secret. */
  wrongSecret: newApiKey('dev', good.id).key,
  badChecksum: `${good.key.slice(0, -1)}${good.key.endsWith('A') ? 'B' : 'A'}`,
} as const;

const keyFile = {
  version: 1,
  keys: [
    entry(good),
    entry(other),
    { ...entry(poor), scopes: [] },
    { ...entry(expired), expiresAt: PAST },
    { ...entry(revoked), revokedAt: PAST },
  ],
};

function entry({ id, hash }: { id: string; hash: string }) {
  return { id, name: id, scopes: ['records:write'], createdAt: PAST, secrets: [{ hash }] };
}

export interface TestServer {
  readonly port: number;
  /** Of this server alone. */
  readonly folder: string;
  /** The tool `wait` emits `waiting` and ends on `release`. */
  readonly events: EventEmitter;
  /** What the operational log has at `error` and above. */
  readonly errors: readonly string[];
  /** Settles when the operational log has this message. */
  logged(message: string): Promise<void>;
}

export interface Outcome<T> {
  readonly result: T;
  readonly records: readonly AuditRecord[];
  readonly ran: readonly string[];
}

export interface ServedOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Where the audit goes, if not beside the key file: made from the name of a folder of this test alone. */
  readonly auditFile?: (folder: string) => string;
  /** Breaks a store. */
  readonly stores?: (stores: Stores) => Stores;
}

/** Runs a server for as long as `use` takes; its records are read when all are flushed. */
export async function served<T>(
  { env = {}, auditFile = (folder) => join(folder, 'audit.jsonl'), stores }: ServedOptions,
  use: (server: TestServer) => Promise<T>,
): Promise<Outcome<T>> {
  const folder = await mkdtemp(join(tmpdir(), 'pipeline-'));
  const file = auditFile(folder);
  await writeFile(join(folder, 'keys.json'), JSON.stringify(keyFile));
  const config = loadConfig({
    PORT: '0',
    ADMIN_PORT: '0',
    API_KEYS_FILE: join(folder, 'keys.json'),
    ALLOWED_ORIGINS: ALLOWED_ORIGIN,
    AUDIT_SINKS: `file:${file}`,
    MAX_BODY_BYTES: '2000',
    MAX_JSON_DEPTH: '8',
    MAX_JSON_MEMBERS: '100',
    ...env,
  });
  const { logger, logged, errors } = recordingLog();
  const ran: string[] = [];
  const events = new EventEmitter();
  const options = { config, logger, definitions: definitionsInto(ran, events) };
  const server = stores ? await startOnStores(options, stores) : await openServer(options);
  const port = Number(server.url.port);
  let result: T;
  try {
    result = await use({ port, folder, events, errors, logged });
  } finally {
    await server.close();
  }
  const records = parseLines(await readFile(file, 'utf8'));
  await rm(folder, { recursive: true });
  return { result, records, ran };
}

function parseLines(text: string): readonly AuditRecord[] {
  const lines = text.split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as AuditRecord).filter(isOfRequest);
}

/** As `openServer` does it, with other stores. */
async function startOnStores(
  { config: given, ...options }: Parameters<typeof openServer>[0],
  change: (stores: Stores) => Stores,
) {
  const stores = await openStores({ sessionIdleMs: given.SESSION_IDLE_MS });
  const audit = openAudit({ sinks: given.AUDIT_SINKS, mode: 'strict', hmacKey: given.AUDIT_HMAC_KEY });
  const server = http.createServer({ requireHostHeader: false }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const config = atPort(given, (server.address() as AddressInfo).port);
  const pipeline = await createPipeline({
    ...options,
    config,
    audit,
    stores: change(stores),
  });
  pipeline.attach(server);
  return {
    url: config.PUBLIC_URL,
    close: async () => {
      await pipeline.drain();
      await pipeline.close();
      server.closeAllConnections();
      server.close();
      await stores.close();
      await audit.close();
    },
  };
}

function definitionsInto(ran: string[], events: EventEmitter): Definitions {
  const tool = (name: string, more: object, run: Parameters<typeof defineTool>[0]['run']) =>
    defineTool({
      name,
      description: name,
      scopes: ['records:write'],
      input: z.looseObject({}),
      ...more,
      run,
    });
  const record = (name: string) => {
    ran.push(name);
    return 'ran';
  };
  return {
    tools: [
      tool('record', {}, () => record('record')),
      tool('costly', { cost: 5 }, () => record('costly')),
      tool('ask', {}, async (_input, context) => {
        await context.ask('roots', { method: 'roots/list' });
        return record('ask');
      }),
      tool('wait', {}, async () => {
        events.emit('waiting');
        await once(events, 'release');
        return record('wait');
      }),
    ],
    resources: [],
    prompts: [],
  };
}

function recordingLog() {
  const messages: string[] = [];
  const lines = new EventEmitter();
  const write = (_fields: object, message: string) => {
    messages.push(message);
    lines.emit(message);
  };
  const errors: string[] = [];
  const fail = (fields: object, message: string) => {
    errors.push(`${message}: ${inspect(fields)}`);
    write(fields, message);
  };
  const logger: Logger = { debug: write, info: write, warn: write, error: fail, fatal: fail };
  const logged = async (message: string) => {
    if (!messages.includes(message)) await once(lines, message);
  };
  return { logger, logged, errors };
}
