/** Without NODE_ENV frameworks show stacks. This server shows nothing of its inside in any environment. */
import { afterAll, beforeAll, jest, test } from '@jest/globals';
import { bodiless, type Change, message2026, wire } from '../server/pipeline/request.js';
import { startTarget, type Target } from './target.js';

jest.setTimeout(60_000);

let target: Target;
beforeAll(async () => void (target = await startTarget({ NODE_ENV: '' })));
afterAll(() => target.close());

const tool = (name: string): Change => ({
  body: message2026('tools/call', { name, arguments: {} }),
  headers: { 'Mcp-Name': name },
});
const uri = 'x://document';

test.each<readonly [string, string, Change]>([
  ['a tool that throws', '200', tool('failing')],
  [
    'a resource that throws',
    '200 -32603',
    {
      body: message2026('resources/read', { uri }),
      headers: { 'Mcp-Method': 'resources/read', 'Mcp-Name': uri },
    },
  ],
  ['a target that cannot be decoded', '404 not_found', { ...bodiless('GET'), target: '/%E0%A4%A' }],
  [
    'a query that cannot be decoded',
    '400 session_required',
    { ...bodiless('GET', { Accept: 'text/event-stream' }), target: '/mcp?%E0%A4%A=%' },
  ],
  ['a path of many dots', '404 not_found', { ...bodiless('GET'), target: '/../../etc/passwd' }],
  ['a body that is cut', '400 malformed_json', { body: '{"jsonrpc":' }],
  ['a body of bytes that are no text', '400 malformed_json', { body: Buffer.from([0xff, 0xfe, 0]) }],
  [
    'a body of another kind',
    '415 unsupported_media_type',
    { headers: { 'Content-Type': 'text/html' }, body: '<html>' },
  ],
  ['a method that nobody knows', '405 method_not_allowed', { ...bodiless('PROPFIND') }],
  [
    'a cookie and a referrer',
    '200',
    { ...tool('well'), headers: { 'Mcp-Name': 'well', Cookie: 'a=b', Referer: 'x' } },
  ],
])('%s shows nothing of the inside', (_name, answer, change) => {
  const own = { Authorization: `Bearer ${target.keys.attacker}`, ...change.headers };
  return target.expectHarmless(() => target.send(wire(target.port, { ...change, headers: own })), [answer]);
});

test('nothing came out that should not, and nobody was served unseen', () => target.expectNothingShown());
