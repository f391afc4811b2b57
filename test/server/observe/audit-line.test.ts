import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { auditLine } from '../../../src/server/observe/audit-line.js';
import type { AuditFacts, AuditHead } from '../../../src/server/observe/audit-record.js';

const HEAD: AuditHead = {
  schema: 1,
  time: '2026-11-21T00:00:00.000Z',
  seq: 7,
  replica: 'pod-1',
  stage: 'completed',
  requestId: 'r1',
  chain: 'c1',
  prev: '0'.repeat(64),
};

const lineOf = (head: AuditHead, facts: AuditFacts) => auditLine(head, facts).text;

function parsed(facts: object): Record<string, unknown> {
  const line = lineOf(HEAD, facts);
  expect(line.endsWith('}\n')).toBe(true);
  return JSON.parse(line) as Record<string, unknown>;
}

test('a record is flat, in a fixed order, and holds nothing that is not of the record', () => {
  const line = lineOf(HEAD, {
    'http.status': 200,
    decision: 'allow',
    'http.path': '/mcp',
    secretHeader: 'x',
  } as AuditFacts);

  expect(line).toBe(
    '{"schema":1,"time":"2026-11-21T00:00:00.000Z","seq":7,"replica":"pod-1","chain":"c1","stage":"completed",' +
      `"requestId":"r1","http.path":"/mcp","http.status":200,"decision":"allow","prev":"${HEAD.prev}",` +
      '"hash":"6ba92f00f755e9b93382c4af0f8977886410e04bf936c07d79d25cadf41c1b01"}\n',
  );
});

test('the hash is SHA-256 of the record without it, its members sorted and without escapes', () => {
  const { text, hash } = auditLine(HEAD, { detail: { b: 'é\u2028', '10': 1, '9': -0, a: [{}] } });
  const canonical =
    '{"chain":"c1","detail":{"10":1,"9":0,"a":[{}],"b":"é\u2028"},' +
    `"prev":"${HEAD.prev}","replica":"pod-1","requestId":"r1","schema":1,"seq":7,"stage":"completed",` +
    '"time":"2026-11-21T00:00:00.000Z"}';

  expect(hash).toBe(createHash('sha256').update(canonical).digest('hex'));
  expect(JSON.parse(text)).toHaveProperty('hash', hash);
});

test('facts cannot replace what identifies the record', () => {
  const record = parsed({
    seq: 1,
    stage: 'received',
    requestId: 'forged',
    replica: 'forged',
    prev: '',
    chain: '',
  });

  expect(record).toMatchObject({
    seq: 7,
    stage: 'completed',
    requestId: 'r1',
    replica: 'pod-1',
    chain: 'c1',
    prev: HEAD.prev,
  });
});

test.each([
  ['newlines and terminal escapes', 'a\r\nb\u0000\u001b[31m\u0085\u2028\u2029'],
  ['characters that hide or turn text', 'a\u200b\u202e\u2066\ufeff\u00ad'],
])('%s are escaped, and read back as they were', (_name, text) => {
  const line = lineOf(HEAD, { 'http.path': text });

  expect(line).toMatch(/^[\x20-\x7e]*\n$/);
  expect(JSON.parse(line)).toMatchObject({ 'http.path': text });
});

test('lone surrogates become the replacement character, pairs and spelt-out escapes stay', () => {
  expect(parsed({ 'http.path': 'a\ud800b\udfff😀\\ud800' })).toMatchObject({
    'http.path': 'a\ufffdb\ufffd😀\\ud800',
  });
});

test('a text cut in the middle of a pair is still valid', () => {
  const record = parsed({ 'http.path': `${'a'.repeat(1023)}😀` });

  expect(record['http.path']).toBe(`${'a'.repeat(1023)}\ufffd`);
  expect(record['truncated']).toBe(true);
});

test('a record that was not cut does not say so', () => {
  expect(parsed({ 'http.path': 'a'.repeat(1024) })).not.toHaveProperty('truncated');
});

test('cycles, deep and wide values are cut', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  let deep: unknown = 'secret-at-the-bottom';
  for (let i = 0; i < 10_000; i++) deep = [deep];
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key${i}`, i]));

  for (const value of [cycle, { deep }, wide, { list: Array.from({ length: 1e6 }) }]) {
    const record = parsed({ detail: value });
    expect(record['truncated']).toBe(true);
    expect(JSON.stringify(record).length).toBeLessThan(16_000);
    expect(JSON.stringify(record)).not.toContain('secret-at-the-bottom');
  }
});

test('code that waits inside a value is not run, or does no harm', () => {
  const trap = {
    toJSON: () => {
      throw new Error('ran');
    },
    get boom(): string {
      throw new Error('boom');
    },
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();

  expect(parsed({ detail: { trap } })['detail']).toEqual({ trap: '[unreadable]' });
  expect(parsed({ detail: { toJSON: () => 'forged' } })['detail']).toEqual({});
  expect(parsed({ detail: { it: revoked.proxy } })['detail']).toEqual({ it: '[unreadable]' });
  expect(parsed({ detail: JSON.parse('{"__proto__":{"x":1}}') as object })['detail']).toEqual(
    JSON.parse('{"__proto__":{"x":1}}'),
  );
  expect(parsed({ detail: { big: 10n, error: new Error('why') } })['detail']).toEqual({
    big: '10',
    error: 'why',
  });
});

test('what an attacker writes cannot push out who it was and what was decided', () => {
  const huge = '\u0001'.repeat(100_000);
  const record = parsed({
    'http.path': huge,
    'mcp.method.name': huge,
    'gen_ai.tool.name': huge,
    'mcp.resource.uri': huge,
    'client.address': '192.0.2.1',
    clientRequestId: huge,
    decision: 'deny',
    reason: 'insufficient_scope',
    detail: { a: huge, b: Array.from({ length: 500 }, () => huge) },
  });

  expect(record).toMatchObject({
    'client.address': '192.0.2.1',
    decision: 'deny',
    reason: 'insufficient_scope',
  });
  expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThan(16_000);
});

test('any facts make exactly one line of valid JSON within the limit', () => {
  const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true });
  const text = fc.uint16Array({ maxLength: 3000 }).map((units) => String.fromCharCode(...units));
  const facts = fc.record(
    {
      'http.path': fc.oneof(text, anything),
      'mcp.method.name': text,
      'gen_ai.tool.name': fc.oneof(text, anything),
      durationMs: fc.double(),
      caller: anything,
      detail: fc.oneof(anything, fc.object({ maxDepth: 8, values: [text] })),
      arguments: fc.record({ digest: text, bytes: fc.integer(), values: fc.object() }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(facts, (given) => {
      const line = lineOf(HEAD, given as AuditFacts);
      expect(line.slice(0, -1)).not.toMatch(/\p{Cc}|\p{Zl}|\p{Zp}/u); // controls, line and paragraph separators
      expect(Buffer.from(line).toString()).toBe(line); // no lone surrogate
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(16_000);
      expect(JSON.parse(line)).toMatchObject({ seq: 7, stage: 'completed' });
    }),
    { numRuns: 200 },
  );
});
