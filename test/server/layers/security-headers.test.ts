import { expect, test } from '@jest/globals';
import { securityHeaders } from '../../../src/server/layers/security-headers.js';
import { serve } from './serve.js';

test('an answer tells browsers not to render, frame, sniff or store it, and does not say what runs here', async () => {
  const { url } = await serve([securityHeaders({ https: false })]);

  const { headers } = await fetch(url);

  expect(Object.fromEntries(headers)).toMatchObject({
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  });
  expect(headers.has('x-powered-by')).toBe(false);
  expect(headers.has('server')).toBe(false);
});

test('HSTS is sent when clients reach us by https, and only then', async () => {
  const plain = await serve([securityHeaders({ https: false })]);
  const secure = await serve([securityHeaders({ https: true })]);

  expect((await fetch(plain.url)).headers.has('strict-transport-security')).toBe(false);
  expect((await fetch(secure.url)).headers.get('strict-transport-security')).toContain('max-age=31536000');
});
