/** What JSON parsers read differently, each text as the body of a call. The texts are those of JSONTestSuite. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, jest, test } from '@jest/globals';
import { startTarget, type Target } from './target.js';

jest.setTimeout(60_000);

let target: Target;
beforeAll(async () => void (target = await startTarget()));
afterAll(() => target.close());

const { base64 } = JSON.parse(
  readFileSync(new URL('data/json-test-suite.json', import.meta.url), 'utf8'),
) as { base64: Record<string, string> };
const texts: Record<string, Buffer> = {
  ...Object.fromEntries(Object.entries(base64).map(([name, text]) => [name, Buffer.from(text, 'base64')])),
  n_structure_100000_opening_arrays: Buffer.from('['.repeat(100_000)),
  n_structure_open_array_object: Buffer.from('[{"":'.repeat(50_000)),
};

/** JSON by the grammar (`y_`), and refused all the same: one of two readers takes the first key, the other the last. */
const AMBIGUOUS = 'y_object_duplicated_key';
/** Left to each parser (`i_`): what is no UTF-8, a byte order mark, and 500 levels. */
const OURS_REFUSES =
  /^i_(?:string_(?:UTF|utf|iso|invalid_utf-8|lone_utf8|not_in|overlong|truncated)|structure)/;

/** A text that is read is still no JSON-RPC message. */
const isRead = (name: string) =>
  !name.startsWith('n_') && !name.startsWith(AMBIGUOUS) && !OURS_REFUSES.test(name);

const groups = [...new Set(Object.keys(texts).map((name) => name.replace(/^(._[a-z]+).*/, '$1')))];

test.each(groups)('%s…: each text is read by the grammar or refused, and runs nothing', async (group) => {
  const names = Object.keys(texts).filter((name) => name.startsWith(`${group}_`));
  const send = async (name: string) =>
    target.send(Buffer.concat([head(texts[name]?.length), texts[name] ?? Buffer.alloc(0)]));

  await target.expectHarmless(
    async () => (await Promise.all(names.map(send))).flat(),
    names.map((name) => (isRead(name) ? '400 malformed_message' : '400 malformed_json')),
  );
});

test('nothing came out that should not, and nobody was served unseen', () => target.expectNothingShown());

function head(length = 0): Buffer {
  const lines = [
    'POST /mcp HTTP/1.1',
    `Host: 127.0.0.1:${target.port}`,
    'Connection: close',
    `Authorization: Bearer ${target.keys.attacker}`,
    'Accept: application/json, text/event-stream',
    'Content-Type: application/json',
    `Content-Length: ${length}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
