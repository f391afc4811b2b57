import { expect, test } from '@jest/globals';
import { serve } from './serve.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('every response carries an id of our own, never the id the caller sent', async () => {
  const { url, audit } = await serve([]);

  const first = await fetch(url, { headers: { 'X-Request-Id': 'mine-1' } });
  const second = await fetch(url);

  expect(first.headers.get('x-request-id')).toMatch(UUID);
  expect(second.headers.get('x-request-id')).toMatch(UUID);
  expect(first.headers.get('x-request-id')).not.toBe(second.headers.get('x-request-id'));
  expect((await audit.record(0)).requestId).toBe(first.headers.get('x-request-id'));
});
