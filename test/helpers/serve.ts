/** A whole server for a test: every layer, keys of its own, the audit in a file of its own. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadConfig } from '../../src/server/config/index.js';
import { newApiKey } from '../../src/server/identity/api-key-format.js';
import type { Definitions } from '../../src/server/mcp/definitions/tool.js';
import type { ServerDefinition } from '../../src/server/mcp/server-definition.js';
import { openServer } from '../../src/server/start.js';
import { openServices } from '../../src/services.js';
import { settings } from '../../src/settings.js';
import { SETTINGS } from '../settings.js';
import { isOfRequest } from './of-request.js';
import { until } from './until.js';

export type AuditLine = Readonly<Record<string, unknown>>;

export interface Served {
  readonly url: URL;
  readonly adminUrl: URL;
  readonly key: string;
  /** The record of the start is its first line. */
  readonly auditFile: string;
  /** The audit records of requests, once those of every finished answer are written. */
  audited(): Promise<readonly AuditLine[]>;
  /** Drains the server. @returns every audit record of a request */
  close(): Promise<readonly AuditLine[]>;
}

/** @param scopes what the key holds; more variables go into the environment as they are */
export async function serve(
  {
    about,
    extensions,
    grants,
    ...definitions
  }: Definitions & Pick<ServerDefinition, 'about' | 'extensions' | 'grants'>,
  scopes: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-serve-'));
  const [keysFile, auditFile] = [join(folder, 'keys.json'), join(folder, 'audit.log')];
  const { id, key, hash } = newApiKey('dev');
  const entry = { id, name: 'test', scopes, createdAt: new Date().toISOString(), secrets: [{ hash }] };
  await writeFile(keysFile, JSON.stringify({ version: 1, keys: [entry] }), { mode: 0o600 });
  const variables = {
    PORT: '0',
    ADMIN_PORT: '0',
    API_KEYS_FILE: keysFile,
    AUDIT_SINKS: `file:${auditFile}`,
    SHUTDOWN_GRACE_MS: '5000',
    TOOL_TIMEOUT_MS: '5000',
    ...SETTINGS,
    ...env,
  };
  const server = await openServer({
    config: loadConfig(variables, settings),
    about,
    extensions,
    grants,
    definitions,
    openServices,
    logger: pino({ level: 'silent' }),
  });
  const answers = answersAt(Number(server.url.port));
  const written = async () => {
    const lines = (await readFile(auditFile, 'utf8')).split('\n').slice(0, -1); // the last one is empty, or torn
    return lines.map((line) => JSON.parse(line) as AuditLine).filter(isOfRequest);
  };
  const audited = async () => {
    const finished = answers.finished();
    let records: readonly AuditLine[] = [];
    // A client has its answer before the record of its end is in the file.
    await until(async () => {
      records = await written();
      const ended = new Set(
        records.filter(({ stage }) => stage !== 'received').map(({ requestId }) => requestId),
      );
      return finished.every((requestId) => ended.has(requestId));
    });
    return records;
  };
  return {
    url: server.url,
    adminUrl: server.adminUrl,
    key,
    auditFile,
    audited,
    close: async () => {
      await server.close();
      answers.stop();
      const lines = await written();
      await rm(folder, { recursive: true });
      return lines;
    },
  };
}

/** The answers of the server at this port of this process. */
function answersAt(port: number) {
  const seen: ServerResponse[] = [];
  const onRequest = (message: unknown) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    if (request.socket.localPort === port) seen.push(response);
  };
  subscribe('http.server.request.start', onRequest);
  return {
    /** Ids of the requests whose answer is at its end, as far as the server is concerned. */
    finished: () =>
      seen.filter(({ writableEnded }) => writableEnded).map((response) => response.getHeader('x-request-id')),
    stop: () => unsubscribe('http.server.request.start', onRequest),
  };
}
