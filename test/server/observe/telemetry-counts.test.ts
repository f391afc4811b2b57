/** What `/metrics` counts is what the audit has written, whatever the mixture of calls. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { type AuditLine, type Served, serve } from '../../helpers/serve.js';
import { until } from '../../helpers/until.js';
import { openSession } from '../process/requests.js';
import {
  authorized,
  CHUNK,
  definitions,
  events,
  FLOOD_CHUNKS,
  floodUnread,
  mixture,
} from './telemetry-mixture.js';
import { type Sample, samplesOf } from './telemetry-samples.js';

let server: Served;

beforeEach(async () => {
  server = await serve(definitions, [], {
    RATE_LIMIT_CALLER: '200/60s',
    RATE_LIMIT_AUTH_FAILURES: '5/60s',
    STREAM_MAX_BUFFER_BYTES: String(2 * FLOOD_CHUNKS * CHUNK.length),
  });
});
afterEach(() => server.close());

const scrape = async () => samplesOf(await (await fetch(new URL('/metrics', server.adminUrl))).text());
const ended = async () =>
  (await server.audited()).filter(({ stage }) => stage === 'completed' || stage === 'stream-close');

test('calls, refusals and limits are counted as they are audited, to the last one', async () => {
  const session = await openSession(server.url, authorized(server));
  const requests = Array.from({ length: 16 }, () => mixture(server, session)).flat();
  let sent = 1;
  for (let at = 0; at < requests.length; at += 44) {
    const answers = await Promise.all(requests.slice(at, at + 44).map((send) => send()));
    await Promise.all(answers.map((answer) => answer.text()));
    sent += answers.length;
  }
  const [records, samples] = [await ended(), await scrape()];
  expect(records).toHaveLength(sent);

  const byCall = records.filter((record) => record['mcp.method.name'] !== undefined).map(callOf);
  expect(counted(samples, 'mcp_server_operation_duration_seconds_count')).toEqual(tally(byCall));
  const denied = records.filter(({ decision }) => decision === 'deny');
  expect(counted(samples, 'mcp_server_refusals_total')).toEqual(
    tally(denied.map(({ reason }) => ({ code: reason }))),
  );
  const limited = denied.filter(({ reason }) => reason === 'rate_limited');
  expect(counted(samples, 'mcp_server_rate_limited_total')).toEqual(tally(limited.map(detailOf('limit'))));

  // The mixture was one: each outcome in each era, and refusals by many layers.
  const kinds = new Set(byCall.map(({ era, outcome }) => [era, outcome].join(' ')));
  for (const outcome of ['ok', 'error', 'tool_error', 'refused']) expect(kinds).toContain(`2025 ${outcome}`);
  for (const outcome of ['ok', 'tool_error', 'refused']) expect(kinds).toContain(`2026 ${outcome}`);
  expect(Object.keys(tally(limited.map(detailOf('limit')))).length).toBe(2);
  expect(new Set(denied.map(({ reason }) => reason)).size).toBeGreaterThanOrEqual(9);
  // However many names clients invented, and nothing was lost.
  expect(JSON.stringify(samples)).not.toContain('invented');
  expect(valueOf(samples, 'mcp_server_audit_dropped_total')).toBe(0);
  expect(valueOf(samples, 'mcp_server_audit_write_duration_seconds_count')).toBeGreaterThan(0);
  expect(valueOf(samples, 'mcp_server_sessions')).toBe(1);
}, 60_000);

test('streams and what their readers have not taken are shown while it lasts', async () => {
  const session = await openSession(server.url, authorized(server));
  const listening = await fetch(server.url, {
    headers: { Accept: 'text/event-stream', ...authorized(server), ...session },
  });
  expect(listening.status).toBe(200);
  const slow = await floodUnread(server);
  await until(async () => valueOf(await scrape(), 'mcp_server_stream_buffered_bytes') > CHUNK.length);
  expect(valueOf(await scrape(), 'mcp_server_streams')).toBe(2);
  expect(valueOf(await scrape(), 'mcp_server_store_available')).toBe(1);

  slow.resume();
  events.emit('release');
  await once(slow, 'end');
  await listening.body?.cancel();
  await until(async () => valueOf(await scrape(), 'mcp_server_streams') === 0);
  expect(valueOf(await scrape(), 'mcp_server_stream_buffered_bytes')).toBe(0);
});

const detailOf = (name: string) => (record: AuditLine) => ({
  [name]: (record['detail'] as AuditLine | undefined)?.[name],
});

/** The labels of a record: what the audit says of an unknown name is one value. */
function callOf(record: AuditLine) {
  const method = String(record['mcp.method.name']);
  const tool = record['gen_ai.tool.name'] ?? '';
  const answered = record['rpc.code'] === undefined ? (detailOf('ended')(record)['ended'] ?? 'ok') : 'error';
  return {
    mcp_method_name: method.startsWith('invented') ? '_OTHER' : method,
    gen_ai_tool_name: tool === 'unknown' ? '_OTHER' : tool,
    era: record['mcp.era'],
    outcome: record['decision'] === 'deny' ? 'refused' : answered,
  };
}

function tally(all: readonly object[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const labels of all) counts[keyOf(labels)] = (counts[keyOf(labels)] ?? 0) + 1;
  return counts;
}

function counted(samples: readonly Sample[], name: string): Readonly<Record<string, number>> {
  const own = samples.filter((sample) => sample.name === name);
  return Object.fromEntries(own.map(({ labels, value }) => [keyOf(labels), value]));
}

const keyOf = (labels: object) => JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
const valueOf = (samples: readonly Sample[], name: string) =>
  samples.find((sample) => sample.name === name)?.value ?? Number.NaN;
