/** The built server with a collector: which spans it exports, and what is not in them. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Running, run } from '../../helpers/built.js';
import { until } from '../../helpers/until.js';
import { call, openSession, post } from '../process/requests.js';
import { type Receiver, type ReceivedSpan, startReceiver } from './otlp-receiver.js';
import { readRecords } from './records.js';

jest.setTimeout(60_000); // each test starts a process, the first one builds it

const SECRET = 'a-name-nobody-else-may-read';
const TRACE = { ofHeader: 'a'.repeat(32), ofMeta: 'b'.repeat(32) };
const SPAN = { ofHeader: '1'.repeat(16), ofMeta: '2'.repeat(16) };
const traceparent = (from: keyof typeof TRACE) => `00-${TRACE[from]}-${SPAN[from]}-01`;
/** A file that can be opened and not read: an error that no tool foresees. */
const UNREADABLE = '/proc/self/mem';
const testOnLinux = existsSync(UNREADABLE) ? test : test.skip;

let collector: Receiver;
let folder: string;
let running: Running | undefined;

beforeEach(async () => {
  collector = await startReceiver();
  folder = await mkdtemp(join(tmpdir(), 'traces-'));
  await writeFile(join(folder, `${SECRET}.md`), 'words');
});

afterEach(async () => {
  running?.child.kill('SIGKILL');
  await running?.ended();
  collector.close();
  await rm(folder, { recursive: true });
});

async function start(env: Readonly<Record<string, string>>, ...nodeOptions: string[]) {
  const files = { FILES_ROOT: folder, AUDIT_SINKS: `file:${join(folder, 'audit.log')}` };
  const server = run('main.js', { PORT: '0', ADMIN_PORT: '0', ...files, ...env }, ...nodeOptions);
  running = server;
  const url = new URL((await server.saw(/^Serving MCP on (\S+)$/m))[1] ?? '');
  const key = { 'X-Api-Key': (await server.saw(/^ {2}(mcp_\S+)$/m))[1] ?? '' };
  return { server, url, key };
}

const toCollector = () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });

async function stop(server: Running): Promise<void> {
  server.child.kill('SIGTERM');
  expect(await server.ended()).toBe(0);
}

const named = (name: string) => collector.spans.filter((span) => span.name === name);
const only = (name: string): ReceivedSpan => {
  const [span, ...more] = named(name);
  if (span === undefined || more.length > 0) throw new Error(`${name}: ${JSON.stringify(collector.spans)}`);
  return span;
};
const stats = (path: string) => ({ name: 'process_files', arguments: { paths: [path] } });

test('a request is a span, its layers and its call within it, the tool within the call; all of it leaves before the end', async () => {
  const { server, url, key } = await start(toCollector());
  const answered = await call(url, 'tools/call', stats(`${SECRET}.md`), {
    ...key,
    traceparent: traceparent('ofHeader'),
  });
  expect(answered.status).toBe(200);
  await answered.text();
  await stop(server); // sooner than spans are exported by themselves

  expect(new Set(collector.paths)).toEqual(new Set(['POST /v1/traces']));
  const request = only('POST /mcp');
  expect(request).toMatchObject({ traceId: TRACE.ofHeader, parent: SPAN.ofHeader, kind: 2, isError: false });
  expect(request.attributes).toEqual({ 'http.request.method': 'POST', 'http.response.status_code': '200' });
  for (const group of ['admission', 'authentication', 'reading', 'authorization']) {
    expect(only(group)).toMatchObject({ traceId: TRACE.ofHeader, parent: request.spanId, isError: false });
  }
  const called = only('tools/call process_files');
  expect(called).toMatchObject({ parent: request.spanId, kind: 2, isError: false, links: [] });
  expect(called.attributes).toEqual({
    'mcp.method.name': 'tools/call',
    'mcp.protocol.version': '2026-07-28',
    'gen_ai.tool.name': 'process_files',
    'gen_ai.operation.name': 'execute_tool',
    'network.transport': 'tcp',
    'network.protocol.name': 'http',
  });
  expect(only('execute_tool process_files').parent).toBe(called.spanId);
  expect(collector.spans).toHaveLength(7);
  for (const secret of [SECRET, key['X-Api-Key'], '127.0.0.1'])
    expect(collector.text()).not.toContain(secret);
});

test('in both eras the context in `_meta` is the parent of the call, and what fails is marked without its words', async () => {
  const { server, url, key } = await start({ ...toCollector(), OTEL_SERVICE_NAME: 'library' });
  const session = await openSession(url, key);
  const _meta = { traceparent: traceparent('ofMeta') };
  const params = { ...stats(`no-${SECRET}`), _meta };
  const failed = await post(url, { method: 'tools/call', params }, { ...key, ...session });
  expect(await failed.text()).toContain(SECRET);
  const unknown = await call(url, 'tools/call', stats('x'), { ...key, 'X-Api-Key': `${key['X-Api-Key']}x` });
  expect(unknown.status).toBe(401);
  const invented = await post(url, { method: `${SECRET}/list` }, { ...key, ...session });
  await invented.text();
  await stop(server);

  const called = only('tools/call process_files');
  expect(called).toMatchObject({ traceId: TRACE.ofMeta, parent: SPAN.ofMeta, isError: true });
  expect(called.attributes).toMatchObject({ 'error.type': 'tool_error' });
  expect(named('POST /mcp').map(({ spanId }) => spanId)).toContain(called.links[0]);
  expect(only('execute_tool process_files')).toMatchObject({ parent: called.spanId, isError: true });
  const refusing = collector.spans.filter((span) => span.attributes['error.type'] === 'credentials_invalid');
  expect(refusing.map(({ name }) => name).sort()).toEqual(['POST', 'authentication']);
  expect(only('_OTHER').attributes).toMatchObject({ 'rpc.response.status_code': '-32601' });
  expect(collector.text()).not.toContain(SECRET);
  expect(collector.text()).toContain('library');
  const audited = (await readRecords(join(folder, 'audit.log'))).filter(
    ({ traceId }) => traceId === TRACE.ofMeta,
  );
  expect(audited.map(({ stage }) => stage)).toEqual(['received', 'completed']);
});

testOnLinux('a line of the log names the trace and the span it belongs to', async () => {
  const { server, url, key } = await start({ ...toCollector(), FILES_ROOT: '/proc/self' });
  await (await call(url, 'tools/call', stats('mem'), key)).text();
  await stop(server);

  const lines = server.printed.stderr.split('\n').filter((line) => line.startsWith('{'));
  const line = lines
    .map((text) => JSON.parse(text) as Record<string, string>)
    .find((one) => one['requestId']);
  const { traceId, spanId } = only('execute_tool process_files');
  expect(line).toMatchObject({ msg: 'a definition failed', traceId });
  expect([spanId, only('tools/call process_files').spanId]).toContain(line?.['spanId']);
});

/** Fails the start as soon as the tracing is imported. */
const REFUSE =
  'data:text/javascript,import { register } from "node:module";' +
  'register("data:text/javascript,export async function resolve(s,c,n)' +
  '{if(/sdk-trace/.test(s))throw new Error(`loaded`);return n(s,c)}")';

test('without an exporter nothing of it is loaded', async () => {
  const { server, url, key } = await start({ OTEL_SERVICE_NAME: 'library' }, '--import', REFUSE);
  expect((await call(url, 'tools/call', stats(`${SECRET}.md`), key)).status).toBe(200);
  await stop(server);
  const traced = run('main.js', { PORT: '0', ADMIN_PORT: '0', ...toCollector() }, '--import', REFUSE);
  expect(await traced.ended()).toBe(1);
  expect(traced.printed.stderr).toContain('loaded');
});

test('a collector that is away costs a line in the log, no call and no shutdown', async () => {
  const { server, url, key } = await start({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
  expect((await call(url, 'tools/call', stats(`${SECRET}.md`), key)).status).toBe(200);
  await until(() => server.printed.stderr.includes('traces are not exported'));
  await stop(server);
  expect(server.printed.stderr).not.toContain(SECRET);
});
