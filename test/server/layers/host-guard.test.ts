import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { hostGuard, hostProblem } from '../../../src/server/layers/host-guard.js';
import { parseRaw, rawRequest } from '../../helpers/raw-http.js';
import { serve } from './serve.js';

const ALLOWED = ['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'localhost'];

async function send(request: string) {
  const served = await serve([hostGuard(ALLOWED)]);
  const answer = parseRaw(await rawRequest(served.port, request.replaceAll('\n', '\r\n')));
  return { ...served, answer };
}

describe('a request is refused when its Host', () => {
  test.each([
    ['evil.com@localhost'],
    ['evil.com@localhost:3000'],
    ['localhost/x'],
    ['localhost#x'],
    ['localhost?x'],
    ['127.1:3000'],
    ['2130706433:3000'],
    ['0x7f.1:3000'],
    ['local\thost:3000'],
    ['%6cocalhost:3000'],
    ['localhost.:3000'],
    ['localhost:3001'],
    ['localhost:03000'],
    ['localhost:'],
    ['localhost, evil.com'],
    ['evil.com'],
  ])('is %p', async (host) => {
    const { answer, passed, audit } = await send(`GET /mcp HTTP/1.1\nHost: ${host}\nConnection: close\n\n`);

    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text)).toMatchObject({
      error: { code: 403, data: { code: 'host_not_allowed' } },
    });
    expect(answer.text).not.toContain('evil');
    expect(passed).toHaveLength(0);
    expect((await audit.record()).reason).toBe('host_not_allowed');
  });

  test.each([
    ['empty', 'empty', 'GET /mcp HTTP/1.1\nHost:\nConnection: close\n\n'],
    ['missing', 'missing', 'GET /mcp HTTP/1.1\nConnection: close\n\n'],
    ['missing in HTTP/1.0', 'missing', 'GET /mcp HTTP/1.0\n\n'],
    ['repeated', 'repeated', 'GET /mcp HTTP/1.1\nHost: localhost\nhost: localhost\nConnection: close\n\n'],
    [
      'repeated with another',
      'repeated',
      'GET /mcp HTTP/1.1\nHost: localhost\nHost: evil.com\nConnection: close\n\n',
    ],
  ])('is %s: the request is malformed', async (_how, reason, request) => {
    const { answer, passed, audit } = await send(request);

    expect(answer.status).toBe(400);
    expect(answer.text).toContain('malformed_request');
    expect(passed).toHaveLength(0);
    expect((await audit.record()).detail).toEqual({ reason });
  });

  test.each([
    [
      'overridden by the target',
      'absolute_form',
      'GET http://evil.com/mcp HTTP/1.1\nHost: localhost\nConnection: close\n\n',
    ],
    [
      'said twice by the target',
      'absolute_form',
      'GET http://localhost/mcp HTTP/1.1\nHost: localhost\nConnection: close\n\n',
    ],
  ])('is %s', async (_how, reason, request) => {
    const { answer, passed, audit } = await send(request);

    expect(answer.status).toBe(403);
    expect(answer.text).toContain('host_not_allowed');
    expect(passed).toHaveLength(0);
    expect((await audit.record()).detail).toEqual({ reason });
  });
});

test.each(ALLOWED)('the listed host %s passes', async (host) => {
  const { answer, passed } = await send(`GET /mcp HTTP/1.1\nHost: ${host}\nConnection: close\n\n`);

  expect(answer.status).toBe(200);
  expect(passed).toHaveLength(1);
});

test('X-Forwarded-Host and Forwarded change nothing', async () => {
  const { answer } = await send(
    'GET /mcp HTTP/1.1\nHost: evil.com\nX-Forwarded-Host: localhost\nForwarded: host=localhost\nConnection: close\n\n',
  );

  expect(answer.status).toBe(403);
});

test('no spelling but the listed ones is ever accepted', () => {
  const allowed = new Set(ALLOWED);
  const near = fc.tuple(fc.constantFrom(...ALLOWED), fc.string(), fc.nat(16)).map(([host, insert, at]) => {
    return host.slice(0, at) + insert + host.slice(at);
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), near, fc.webAuthority()), (host) => {
      const accepted =
        hostProblem({ originalUrl: '/mcp', rawHeaders: ['Host', host] }, allowed) === undefined;
      expect(accepted).toBe(ALLOWED.includes(host));
    }),
  );
});

test.each([
  '*',
  'http://localhost',
  'localhost/',
  'LOCALHOST',
  '127.1',
  'user@host',
  '-a.example',
  'localhost:0',
  '',
])('an allowed host cannot be %p', (host) => {
  expect(() => hostGuard([host])).toThrow(TypeError);
});
