/** The stdio entry point with clients nobody here wrote, against the built process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Client as Client2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Transport2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { builtFile, type Running, run } from '../helpers/built.js';
import { isOfRequest } from '../helpers/of-request.js';
import { until } from '../helpers/until.js';
import { recordsIn } from '../server/observe/records.js';

jest.setTimeout(60_000);

const DOCUMENTS = fileURLToPath(new URL('../../examples/documents', import.meta.url));
const INFO = { name: 'test', version: '1' };
const CAPABILITIES = { elicitation: { form: {} } };
type Level = 'debug' | 'error';
type Json = Readonly<Record<string, unknown>>;

let root: string;
let cleanUp: (() => Promise<unknown>)[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stdio-'));
  await cp(DOCUMENTS, root, { recursive: true });
  cleanUp = [];
});

afterEach(async () => {
  await Promise.all(cleanUp.map((end) => end()));
  await rm(root, { recursive: true });
});

interface Connected {
  readonly version: string | undefined;
  readonly names: readonly string[];
  readonly logs: readonly Json[];
  readonly questions: readonly string[];
  stderr(): string;
  setLevel(level: Level): Promise<unknown>;
  /** As they came: a client drops progress that it reads together with the result. */
  readonly progress: readonly Json[];
  call(name: string, args?: Json): Promise<Json>;
  close(): Promise<void>;
}

const parameters = (env: Readonly<Record<string, string>> = {}) => ({
  command: process.execPath,
  args: [builtFile('stdio.js')],
  env: { FILES_ROOT: root, ...env },
  stderr: 'pipe' as const,
});

async function connect1(): Promise<Connected> {
  const client = new Client1(INFO, { capabilities: CAPABILITIES });
  const [logs, questions]: [Json[], string[]] = [[], []];
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logs.push(params));
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    questions.push(params.message);
    return { action: 'accept', content: { confirm: true } };
  });
  const transport = new Transport1(parameters());
  const stderr = collect(transport.stderr);
  await client.connect(transport);
  return {
    version: '2025-11-25',
    names: (await client.listTools()).tools.map(({ name }) => name),
    logs,
    questions,
    stderr,
    setLevel: (level) => client.setLoggingLevel(level),
    progress: progressOf(transport),
    call: (name, args = {}) =>
      client.callTool({ name, arguments: args }, undefined, { onprogress: () => {} }),
    close: () => client.close(),
  };
}

const connect2 = (mode: 'legacy' | { readonly pin: string }) => async (): Promise<Connected> => {
  const client = new Client2(INFO, { capabilities: CAPABILITIES, versionNegotiation: { mode } });
  const [logs, questions]: [Json[], string[]] = [[], []];
  client.setNotificationHandler('notifications/message', ({ params }) => void logs.push({ ...params }));
  client.setRequestHandler('elicitation/create', ({ params }) => {
    questions.push(params.message);
    return { action: 'accept' as const, content: { confirm: true } };
  });
  const transport = new Transport2(parameters());
  const stderr = collect(transport.stderr);
  await client.connect(transport);
  let level: Level | undefined = mode === 'legacy' ? undefined : 'debug';
  return {
    version: client.getNegotiatedProtocolVersion(),
    names: (await client.listTools()).tools.map(({ name }) => name),
    logs,
    questions,
    stderr,
    setLevel: async (wanted) => {
      level = wanted;
      if (mode === 'legacy') await client.setLoggingLevel(wanted);
    },
    // Since 2026-07-28 each request says which level it wants.
    progress: progressOf(transport),
    call: (name, args = {}) => {
      const _meta = { 'io.modelcontextprotocol/logLevel': level };
      const request = { name, arguments: args, ...(mode !== 'legacy' && { _meta }) };
      return client.callTool(request, { onprogress: () => {} });
    },
    close: () => client.close(),
  };
};

interface Wire {
  onmessage?: ((message: never, extra?: never) => void) | undefined;
}

function progressOf(transport: Wire): readonly Json[] {
  const seen: Json[] = [];
  const handle = transport.onmessage;
  transport.onmessage = (message: { method?: string; params?: Json }, extra?: never) => {
    if (message.method === 'notifications/progress' && message.params) seen.push(message.params);
    handle?.(message as never, extra);
  };
  return seen;
}

function collect(stream: unknown): () => string {
  let text = '';
  (stream as NodeJS.ReadableStream).on('data', (data: Buffer) => (text += data.toString()));
  return () => text;
}

describe.each([
  ['the client of SDK 1.x', '2025-11-25', connect1],
  ['the 2.x client, 2025 handshake', '2025-11-25', connect2('legacy')],
  ['the 2.x client, revision 2026-07-28', '2026-07-28', connect2({ pin: '2026-07-28' })],
])('%s', (_name, version, connect) => {
  let client: Connected;
  beforeEach(async () => {
    client = await connect();
    cleanUp.push(() => client.close());
  });

  test('lists the tools, and follows a call by its progress and its log', async () => {
    const result = await client.call('process_files', { paths: ['.'] });
    const { total } = result['structuredContent'] as { total: { documents: number } };

    expect(client.version).toBe(version);
    expect(client.names).toEqual(expect.arrayContaining(['process_files', 'delete_document', 'whoami']));
    expect(total.documents).toBeGreaterThan(9);
    expect(client.progress).toMatchObject(
      Array.from({ length: total.documents }, (_, i) => ({ progress: i + 1, total: total.documents })),
    );
    expect(client.logs).toHaveLength(total.documents + 1);
    expect(client.logs.at(-1)).toMatchObject({ level: 'info', data: { message: 'Processing complete!' } });
  });

  test('the level it chose is the least severe it sees', async () => {
    await client.setLevel('error');
    await client.call('log_levels');
    const severe = ['error', 'critical', 'alert', 'emergency'];

    expect(client.logs.map(({ level }) => level)).toEqual(severe);
    await client.setLevel('debug');
    await client.call('log_levels');
    expect(client.logs).toHaveLength(severe.length + 8);
  });

  test('is refused by the argument before it is asked anything, and the audit on stderr says so', async () => {
    const result = await client.call('delete_document', { path: './shelving-guide.txt' });

    expect(result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('librarian') }],
    });
    expect(client.questions).toEqual([]);
    expect(await readdir(root)).toContain('shelving-guide.txt');
    const records = () =>
      recordsOf(client.stderr()).filter((it) => it['gen_ai.tool.name'] === 'delete_document');
    await until(() => records().length > 0);
    expect(records()).toMatchObject([{ stage: 'completed', decision: 'deny', reason: 'not_permitted' }]);
  });

  test('asks before it deletes; the audit on stderr has who, what and no argument', async () => {
    const path = (await readdir(root)).find((name) => name.endsWith('.md')) ?? '';
    const result = await client.call('delete_document', { path });

    expect(result['structuredContent']).toEqual({ path, deleted: true });
    expect(client.questions).toEqual([expect.stringContaining(path)]);
    expect(await readdir(root)).not.toContain(path);
    const ofDelete = () =>
      recordsOf(client.stderr()).filter((it) => it['gen_ai.tool.name'] === 'delete_document');
    await until(() => ofDelete().some(({ stage }) => stage === 'completed'));
    expect(ofDelete()[0]).toMatchObject({ stage: 'received', caller: { issuer: 'stdio' } });
    expect(JSON.stringify(ofDelete())).not.toContain(path);
  });
});

function recordsOf(text: string) {
  const records = recordsIn(text.slice(0, text.lastIndexOf('\n') + 1));
  return records.filter((record) => record['schema'] === 1 && isOfRequest(record));
}

describe('the process', () => {
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: INFO },
  };
  const linesOf = ({ printed }: Running) =>
    printed.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Json);

  function start(env: Readonly<Record<string, string>> = {}): Running {
    const server = run('stdio.js', { FILES_ROOT: root, ...env });
    cleanUp.push(() => {
      server.child.kill('SIGKILL');
      return server.ended();
    });
    return server;
  }
  const write = ({ child }: Running, line: object | string) =>
    child.stdin?.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);

  test('garbage on stdin does not end it, and stdout has nothing but JSON-RPC', async () => {
    const server = start({ LOG_LEVEL: 'trace', AUDIT_SINKS: 'stdout' });
    for (const garbage of ['not json', '{', '[]', 'null', '{"jsonrpc":"1.0"}', '\u0000\u0007', '{"id":7}'])
      write(server, garbage);
    write(server, initialize);
    write(server, { jsonrpc: '2.0', method: 'notifications/initialized' });
    write(server, { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'whoami', arguments: {} } });
    await until(() => linesOf(server).some(({ id }) => id === 2));
    server.child.stdin?.end();

    expect(await server.ended()).toBe(0);
    for (const line of linesOf(server)) expect(line['jsonrpc']).toBe('2.0');
    expect(
      linesOf(server)
        .filter(({ result }) => result !== undefined)
        .map(({ id }) => id),
    ).toEqual([1, 2]);
    expect(server.printed.stderr).toContain('"gen_ai.tool.name":"whoami"');
  });

  const session = (capabilities: object = {}) => [
    { ...initialize, params: { ...initialize.params, capabilities } },
    { jsonrpc: '2.0', method: 'notifications/initialized' },
  ];
  const callOf = (id: number, name: string, args: object = {}) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: args },
  });

  test('every line that is refused is answered as over HTTP would be a body, and audited', async () => {
    const server = start({ MAX_BODY_BYTES: '10000', MAX_JSON_DEPTH: '8', MAX_JSON_MEMBERS: '100' });
    const bytes = (text: string) => JSON.stringify({ evil: text });
    const refused = [
      ['not json', -32700, null, 'malformed_json'],
      ['['.repeat(9) + ']'.repeat(9), -32700, null, 'malformed_json'],
      [`[${'1,'.repeat(100)}1]`, -32700, null, 'malformed_json'],
      ['{"a":1,"a":2}', -32700, null, 'malformed_json'],
      [bytes('x'.repeat(20_000)), 413, null, 'body_too_large'],
      ['[]', -32600, null, 'malformed_message'],
      ['{"jsonrpc":"2.0","id":7,"method":"ping","params":null}', -32600, 7, 'malformed_message'],
    ] as const;
    for (const [line] of refused) write(server, line);
    for (const message of ['', ...session(), callOf(2, 'whoami')]) write(server, message);
    server.child.stdin?.end();

    expect(await server.ended()).toBe(0);
    const lines = linesOf(server) as { id: unknown; error?: { code: number; data: { code: string } } }[];
    const errors = lines.flatMap(({ id, error }) => (error ? [[error.code, id, error.data.code]] : []));
    expect(errors).toEqual(refused.map(([, ...answer]) => answer));
    expect(lines.slice(refused.length).map(({ id }) => id)).toEqual([1, 2]);
    const denied = recordsOf(server.printed.stderr).filter(({ decision }) => decision === 'deny');
    expect(denied.map(({ reason }) => reason)).toEqual(refused.map(([, , , reason]) => reason));
    expect(server.printed.stdout).not.toContain('evil');
  });

  test('all that was read before stdin ended is answered, a line without its end too', async () => {
    const server = start();
    for (const message of session()) write(server, message);
    for (const id of [2, 3, 4]) write(server, callOf(id, 'process_files', { paths: ['.'] }));
    server.child.stdin?.end(JSON.stringify(callOf(5, 'whoami')));

    expect(await server.ended()).toBe(0);
    const answered = linesOf(server).filter(({ result }) => result !== undefined);
    expect(new Set(answered.map(({ id }) => id))).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(answered).toHaveLength(5);
    expect(JSON.stringify(answered)).not.toContain('isError');
  });

  test('the digest of arguments is of the bytes received', async () => {
    const server = start();
    for (const message of session()) write(server, message);
    for (const [id, args] of [
      ['2', '{"paths":["."]}'],
      ['3', '{"paths": ["."]}'],
    ])
      write(
        server,
        `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"process_files","arguments":${args}}}`,
      );
    server.child.stdin?.end();

    expect(await server.ended()).toBe(0);
    const received = recordsOf(server.printed.stderr).filter(({ stage }) => stage === 'received');
    const noted = received.map((record) => record['arguments'] as { digest: string; bytes: number });
    expect(noted.map(({ bytes }) => bytes)).toEqual([15, 16]);
    expect(noted[0]?.digest).not.toBe(noted[1]?.digest);
  });

  test('runs in any folder, in production, with the documents of the package', async () => {
    const { PATH = '' } = process.env;
    const child = spawn(process.execPath, [builtFile('stdio.js')], {
      cwd: root,
      env: { PATH, NODE_ENV: 'production' },
    });
    cleanUp.push(async () => child.kill('SIGKILL'));
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    for (const message of [...session(), callOf(2, 'process_files', { paths: ['.'] })])
      child.stdin.write(`${JSON.stringify(message)}\n`);
    child.stdin.end();

    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    expect(printed).toContain('"documents":');
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it with 0, as the end of stdin does', async (signal) => {
    const server = start();
    write(server, initialize);
    await until(() => linesOf(server).length === 1);
    server.child.kill(signal);

    expect(await server.ended()).toBe(0);
  });

  test('the end of stdin fails a question: its call ends, and does nothing', async () => {
    const server = start({ AUDIT_SINKS: 'stdout' });
    write(server, { ...initialize, params: { ...initialize.params, capabilities: { elicitation: {} } } });
    write(server, { jsonrpc: '2.0', method: 'notifications/initialized' });
    const params = { name: 'delete_document', arguments: { path: 'sprachcafe.md' } };
    write(server, { jsonrpc: '2.0', id: 2, method: 'tools/call', params });
    write(server, {
      jsonrpc: '2.0',
      id: 3,
      method: 'tools/call',
      params: { name: 'process_files', arguments: { paths: ['.'] } },
    });
    server.child.stdin?.end();

    expect(await server.ended()).toBe(0);
    const stages = recordsOf(server.printed.stderr).map(({ stage }) => stage);
    expect(stages.filter((stage) => stage === 'received')).not.toHaveLength(0);
    expect(stages.filter((stage) => stage === 'completed')).toHaveLength(2);
    expect(await readdir(root)).toContain('sprachcafe.md');
    const [deleted] = linesOf(server).filter(({ id, method }) => id === 2 && method === undefined);
    expect(deleted).toHaveProperty('result.isError', true);
  });

  test('a bad configuration ends it with 78, naming the variable, and nothing on stdout', async () => {
    const server = start({ LOG_LEVEL: 'loud' });

    expect(await server.ended()).toBe(78);
    expect(server.printed.stderr).toMatch(/^LOG_LEVEL: /m);
    expect(server.printed.stdout).toBe('');
  });
});

test('READ_ONLY leaves only the tools that read', async () => {
  const client = new Client2(INFO);
  cleanUp.push(() => client.close());
  await client.connect(new Transport2(parameters({ READ_ONLY: 'true' })));
  const { tools } = await client.listTools();

  const names = tools.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['process_files', 'whoami', 'log_levels']));
  expect(names).not.toContain('delete_document');
  await expect(client.callTool({ name: 'delete_document', arguments: { path: 'a' } })).rejects.toMatchObject({
    code: -32602,
  });
});
