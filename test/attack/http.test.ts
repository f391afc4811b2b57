/** What a proxy and this server might read differently. Behind each message stands a call that must not run. */
import { afterAll, beforeAll, jest, test } from '@jest/globals';
import { message2026 } from '../server/pipeline/request.js';
import { startTarget, type Target } from './target.js';

jest.setTimeout(60_000);

let target: Target;
beforeAll(async () => void (target = await startTarget()));
afterAll(() => target.close());

const CALL = JSON.stringify(message2026('tools/call', { name: 'canary', arguments: {} }));
const WELL = JSON.stringify(message2026('tools/call', { name: 'well', arguments: {} }));

/** The head of a call, without what says where its body ends. */
function head(name: string, ...more: readonly string[]): string {
  const lines = [
    'POST /mcp HTTP/1.1',
    `Host: 127.0.0.1:${target.port}`,
    `Authorization: Bearer ${target.keys.attacker}`,
    'Accept: application/json, text/event-stream',
    'Content-Type: application/json',
    'MCP-Protocol-Version: 2026-07-28',
    'Mcp-Method: tools/call',
    `Mcp-Name: ${name}`,
    ...more,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const length = (text: string) => `Content-Length: ${Buffer.byteLength(text)}`;
const hidden = () => head('canary', length(CALL), 'Connection: close') + CALL;
const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const TE = 'Transfer-Encoding: chunked';
const CLOSE = 'Connection: close';

/** A body that ends for one reader where its length says, for the other at the last chunk; a call behind the nearer end. */
const clTe = (...lines: readonly string[]) => {
  const text = `0\r\n\r\n${hidden()}`;
  return head('well', ...lines, length(text)) + text;
};

const REFUSED = ['400 malformed_request'];
const rows: readonly (readonly [string, readonly string[], () => string])[] = [
  ['a length and chunks (CL.TE)', REFUSED, () => clTe(TE)],
  [
    'chunks and a length (TE.CL)',
    REFUSED,
    () => head('well', 'Content-Length: 4', TE) + chunked(WELL) + hidden(),
  ],
  [
    'a coding that only some know (TE.TE)',
    ['501 malformed_request'],
    () => head('well', 'Transfer-Encoding: xchunked') + chunked(WELL) + hidden(),
  ],
  [
    'a coding before chunked',
    ['501 malformed_request'],
    () => head('well', 'Transfer-Encoding: identity, chunked', CLOSE) + chunked(WELL) + hidden(),
  ],
  [
    'chunked before a coding',
    REFUSED,
    () => head('well', 'Transfer-Encoding: chunked, identity', CLOSE) + chunked(WELL) + hidden(),
  ],
  ['chunked said twice', REFUSED, () => head('well', TE, TE, CLOSE) + chunked(WELL) + hidden()],
  ['a tab before chunked, and a length', REFUSED, () => clTe('Transfer-Encoding:\tchunked')],
  ['a space before the colon of the coding', REFUSED, () => clTe('Transfer-Encoding : chunked')],
  ['a coding behind an obsolete fold', REFUSED, () => clTe('Transfer-Encoding:\r\n chunked')],
  ['a coding behind a NUL', REFUSED, () => clTe('X: \0\r\nTransfer-Encoding: chunked')],
  ['a coding behind a bare CR', REFUSED, () => clTe('X: a\rTransfer-Encoding: chunked')],
  ['a coding behind a bare LF', REFUSED, () => clTe('X: a\nTransfer-Encoding: chunked')],
  ['a length twice', REFUSED, () => head('well', length(WELL), length(WELL)) + WELL + hidden()],
  ['two lengths', REFUSED, () => head('well', length(WELL), 'Content-Length: 0') + WELL + hidden()],
  ['a list of lengths', REFUSED, () => head('well', `${length(WELL)}, ${WELL.length}`) + WELL + hidden()],
  ['a length with a sign', REFUSED, () => head('well', `Content-Length: +${WELL.length}`) + WELL + hidden()],
  ['a negative length', REFUSED, () => head('well', 'Content-Length: -1') + WELL + hidden()],
  [
    'a length in hexadecimal',
    REFUSED,
    () => head('well', `Content-Length: 0x${WELL.length.toString(16)}`) + WELL + hidden(),
  ],
  ['a length with a space in it', REFUSED, () => head('well', 'Content-Length: 1 2') + WELL + hidden()],
  [
    'a length beyond all numbers',
    REFUSED,
    () => head('well', `Content-Length: ${'9'.repeat(30)}`) + WELL + hidden(),
  ],
  [
    'chunks of HTTP/1.0',
    ['501 malformed_request'],
    () => (head('well', TE) + chunked(WELL) + hidden()).replace('HTTP/1.1', 'HTTP/1.0'),
  ],
  ['a chunk with a sign', REFUSED, () => `${head('well', TE)}+5\r\n{"a":\r\n0\r\n\r\n${hidden()}`],
  ['a chunk with 0x', REFUSED, () => `${head('well', TE)}0x5\r\n{"a":\r\n0\r\n\r\n${hidden()}`],
  [
    'a chunk of more than all bytes',
    REFUSED,
    () => `${head('well', TE)}ffffffffffffffff1\r\n{\r\n0\r\n\r\n${hidden()}`,
  ],
  ['a chunk that ends in a bare LF', REFUSED, () => `${head('well', TE)}2\n{}\n0\n\n${hidden()}`],
  ['a chunk longer than it says', REFUSED, () => `${head('well', TE)}1\r\n{}\r\n0\r\n\r\n${hidden()}`],
  [
    'a chunk extension with a bare LF',
    REFUSED,
    () => `${head('well', TE)}2;a\nb\r\n{}\r\n0\r\n\r\n${hidden()}`,
  ],
  [
    'a chunk extension of 20 KiB',
    ['400 malformed_request'],
    () => `${head('well', TE)}2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n${hidden()}`,
  ],
  [
    'a chunk extension',
    ['200'],
    () => head('well', TE, CLOSE) + chunked(WELL).replace('\r\n', ';a="b;c"\r\n'),
  ],
  [
    'a trailer that would be a header',
    ['200'],
    () => head('well', TE, CLOSE) + chunked(WELL).replace(/\r\n$/, 'Mcp-Name: canary\r\n\r\n'),
  ],
  [
    'a trailer with a length',
    REFUSED,
    () => head('well', TE) + chunked(WELL).replace(/\r\n$/, `${length(CALL)}\r\n\r\n`) + hidden(),
  ],
  ['lines of bare LF', REFUSED, () => hidden().replaceAll('\r\n', '\n')],
  ['a fold in the first line of the headers', REFUSED, () => hidden().replace('Host', ' Host')],
  ['a header without a name', REFUSED, () => hidden().replace('Accept:', ':')],
  ['a header with a space in its name', REFUSED, () => hidden().replace('Accept:', 'Ac cept:')],
  ['a method of bytes that are none', REFUSED, () => hidden().replace('POST', 'PO\x01ST')],
  ['a target with a space', REFUSED, () => hidden().replace('/mcp', '/mcp /x')],
  [
    'another host in the target',
    ['403 host_not_allowed'],
    () => hidden().replace('/mcp', 'http://evil.example/mcp'),
  ],
  ['two hosts', REFUSED, () => hidden().replace('\r\n', '\r\nHost: evil.example\r\n')],
  ['a request for CONNECT', REFUSED, () => hidden().replace('POST /mcp', 'CONNECT evil.example:443')],
  ['HTTP/2 without being asked', REFUSED, () => `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden()}`],
  ['a protocol before HTTP (PROXY)', REFUSED, () => `PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${hidden()}`],
];

test.each(rows)('%s: no call behind it runs', (_name, answers, bytes) =>
  target.expectHarmless(() => target.send(bytes()), answers),
);

test('nothing came out that should not, and nobody was served unseen', () => target.expectNothingShown());
