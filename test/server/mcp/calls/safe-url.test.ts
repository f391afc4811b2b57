import { expect, test } from '@jest/globals';
import { requireSafeUrl, urlRules } from '../../../../src/server/mcp/calls/safe-url.js';
import type { Caller } from '../../../../src/server/identity/caller.js';

const caller: Caller = { issuer: 'https://id.example', subject: 'ada', method: 'jwt', scopes: [] };
const own = new URL('https://mcp.example/mcp');

test('in production http is refused on this machine too', () => {
  const check = (isProduction: boolean) => () =>
    requireSafeUrl('http://127.0.0.1:9000/', caller, urlRules(['127.0.0.1:9000'], own, isProduction));

  expect(check(true)).toThrow('must be https');
  expect(check(false)).not.toThrow();
});

test('what a start of an authorization needs is no credential', () => {
  const url =
    'https://id.example/authorize?client_id=a&response_type=code&code_challenge=b&state=c&scope=openid+email';

  expect(() => requireSafeUrl(url, caller, urlRules(['id.example'], own, true))).not.toThrow();
});

test('the error names the rule and not the URL', () => {
  const check = () => requireSafeUrl('https://u:hunter2@mcp.example/', caller, urlRules([], own, true));

  expect(check).toThrow('must not contain user information');
  expect(check).not.toThrow('hunter2');
});
