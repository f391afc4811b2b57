import { describe, expect, test } from '@jest/globals';
import { negotiate } from '../../../src/server/layers/negotiate.js';
import { parseRaw, rawRequest } from '../../helpers/raw-http.js';
import { serve } from './serve.js';

const BOTH = 'application/json, text/event-stream';

async function send(method: string, headers: Readonly<Record<string, string>>) {
  const served = await serve([negotiate()]);
  const lines = Object.entries({ Host: 'a', Connection: 'close', ...headers }).map((pair) => pair.join(': '));
  const answer = parseRaw(
    await rawRequest(served.port, `${method} /mcp HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`),
  );
  return { ...served, answer };
}

describe('a POST is acceptable', () => {
  test.each([
    [BOTH],
    ['text/event-stream,application/json;q=0.5'],
    ['*/*'],
    ['application/*, text/*'],
    ['APPLICATION/JSON, Text/Event-Stream'],
    ['text/html, */*;q=0.1'],
  ])('with Accept: %s', async (accept) => {
    const { answer } = await send('POST', { Accept: accept, 'Content-Type': 'application/json' });

    expect(answer.status).toBe(200);
  });
});

describe('a request is not acceptable, and told what is,', () => {
  const json = { 'Content-Type': 'application/json' };
  test.each([
    ['POST', undefined],
    ['POST', ''],
    ['POST', 'application/json'],
    ['POST', 'text/event-stream'],
    ['POST', 'application/*'],
    ['POST', `${BOTH};q=0`],
    ['POST', '*/*, application/json;q=0'],
    ['POST', 'garbage'],
    ['GET', undefined],
    ['GET', 'application/json'],
    ['GET', '*/*;q=0'],
  ])('as %s with Accept: %p', async (method, accept) => {
    const { answer, passed } = await send(method, {
      ...json,
      ...(accept !== undefined && { Accept: accept }),
    });

    expect(answer.status).toBe(406);
    const { error } = JSON.parse(answer.text);
    expect(error.data.code).toBe('not_acceptable');
    expect(error.message).toBe(
      method === 'GET'
        ? 'Accept must allow text/event-stream'
        : 'Accept must allow application/json and text/event-stream',
    );
    expect(passed).toHaveLength(0);
  });
});

test.each([
  ['GET', { Accept: 'text/event-stream' }],
  ['DELETE', {}],
])('%s needs no type it does not use', async (method, headers) => {
  expect((await send(method, headers as Record<string, string>)).answer.status).toBe(200);
});

describe('a body', () => {
  test.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json ; charset="utf-8"',
  ])('of type %s is read', async (type) => {
    expect((await send('POST', { Accept: BOTH, 'Content-Type': type })).answer.status).toBe(200);
  });

  test.each([
    [undefined],
    [''],
    ['text/plain'],
    ['application/jsonp'],
    ['application/json-rpc'],
    ['text/plain; application/json'],
    ['application/json, text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/json; charset=utf-16'],
    ['application/json; charset=latin1'],
    ['application/json; charset=utf-8; charset=utf-7'],
    ['application/json; charset'],
    ["application/json; charset*=utf-8''utf-8"],
    ['application/json; charset=utf-8; charset=utf-8'],
    ["application/json; charset='utf-8'"],
    ['application/json; profile=x'],
    ['application/json\r\nContent-Type: application/json'],
    ['application/json\r\ncontent-type: text/plain'],
    ['application/json;'],
  ])('of type %p is refused', async (type) => {
    const { answer, passed } = await send('POST', {
      Accept: BOTH,
      ...(type !== undefined && { 'Content-Type': type }),
    });

    expect(answer.status).toBe(415);
    expect(answer.text).toContain('unsupported_media_type');
    expect(passed).toHaveLength(0);
  });

  test.each(['gzip', 'br', 'gzip, identity', 'deflate'])('compressed by %s is refused', async (coding) => {
    const { answer, passed } = await send('POST', {
      Accept: BOTH,
      'Content-Type': 'application/json',
      'Content-Encoding': coding,
    });

    expect(answer.status).toBe(415);
    expect(answer.headers['accept-encoding']).toBe('identity');
    expect(passed).toHaveLength(0);
  });
});

test('an Accept that was good once does not let others pass, nor itself for another method', async () => {
  const served = await serve([negotiate()]);
  const statusOf = async (method: string, headers: string) => {
    const head = `${method} /mcp HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n`;
    return parseRaw(await rawRequest(served.port, `${head}${headers}\r\n`)).status;
  };

  expect(await statusOf('GET', 'Accept: text/event-stream\r\n')).toBe(200);
  expect(await statusOf('POST', 'Accept: text/event-stream\r\n')).toBe(406);
  for (let round = 0; round < 2; round += 1) {
    expect(await statusOf('POST', `Accept: ${BOTH}\r\n`)).toBe(200);
    expect(await statusOf('POST', '')).toBe(406);
    expect(await statusOf('POST', 'Accept: application/json\r\n')).toBe(406);
  }
});
