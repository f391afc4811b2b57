import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newApiKey } from '../../../src/server/identity/api-key-format.js';
import { readCredential } from '../../../src/server/identity/credential.js';
import { RefusedRequest } from '../../../src/server/refusal.js';

const { key } = newApiKey('live');
let server: Server;

beforeAll(async () => {
  server = createServer((req, res) => {
    try {
      res.end(readCredential(req));
    } catch (error) {
      res.end(error instanceof RefusedRequest ? error.code : 'crash');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

/** What the server reads from these header lines, sent as they are. */
async function read(lines: readonly string[], target = '/', body = ''): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const head = [
    `POST ${target} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    `Content-Length: ${body.length}`,
  ];
  socket.end(`${[...head, ...lines].join('\r\n')}\r\n\r\n${body}`);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer.split('\r\n\r\n')[1] ?? '';
}

describe('one credential is read', () => {
  test.each([
    [[`Authorization: Bearer ${key}`], key],
    [['Authorization: bearer a.b.c'], 'a.b.c'],
    [['AUTHORIZATION: BEARER   a.b.c=='], 'a.b.c=='],
    [[`X-Api-Key: ${key}`], key],
  ])('%j', async (lines, credential) => {
    expect(await read(lines)).toContain(credential);
  });
});

describe('two are refused, also where each is empty or the same', () => {
  test.each([
    [['Authorization: Bearer a.b.c', `X-Api-Key: ${key}`]],
    [['Authorization: Bearer a.b.c', 'authorization: Bearer a.b.c']],
    [['Authorization: Bearer a.b.c', 'Authorization: Basic eDp5']],
    [['Authorization: Bearer a.b.c', 'Authorization:']],
    [['Authorization:', `X-Api-Key: ${key}`]],
    [[`X-Api-Key: ${key}`, `x-api-key: ${key}`]],
    [['Authorization: Bearer a.b.c, Bearer d.e.f']],
    [['Authorization: Bearer a.b.c,d.e.f']],
    [[`X-Api-Key: ${key}, ${key}`]],
  ])('%j', async (lines) => {
    expect(await read(lines)).toContain('credentials_ambiguous');
  });
});

describe('what is no bearer token and no key is refused', () => {
  test.each([
    [['Authorization: Basic eDp5']],
    [['Authorization: Digest username="x", realm="y"']],
    [['Authorization: DPoP a.b.c']],
    [['Authorization: a.b.c']],
    [['Authorization: Bearer']],
    [['Authorization:']],
    [['Authorization: Bearer a b']],
    [['Authorization: Bearer a"b']],
    [['Authorization: Bearer é']],
    [['X-Api-Key:']],
    [['X-Api-Key: a.b.c']],
    [['X-Api-Key: Bearer mcp_x']],
  ])('%j', async (lines) => {
    expect(await read(lines)).toContain('credentials_invalid');
  });
});

test('a credential in the query, the body or a cookie is not seen', async () => {
  const form = 'Content-Type: application/x-www-form-urlencoded';
  const cookie = `Cookie: authorization=Bearer%20${key}; access_token=${key}`;
  const target = `/?access_token=${key}&api_key=${key}`;

  expect(await read([form, cookie], target, `access_token=${key}`)).toContain('credentials_missing');
});
