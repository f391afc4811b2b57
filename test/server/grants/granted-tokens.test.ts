import { expect, test } from '@jest/globals';
import { ResponseBodyError } from 'oauth4webapi';
import type { AuthorizationServer, Grant } from '../../../src/server/grants/authorization-server.js';
import { grantedTokens } from '../../../src/server/grants/granted-tokens.js';
import { sealedRecords } from '../../../src/server/grants/sealed-records.js';
import { memoryKeptValues } from '../../../src/server/stores/memory/kept-values.js';
import { memoryUsedOnce } from '../../../src/server/stores/memory/used-once.js';

const OVER: Grant = { accessToken: 'first', endsAt: 0, refreshToken: 'refresh' };

function refusal(status: number, error: string): ResponseBodyError {
  const response = new Response('{}', { status });
  return new ResponseBodyError('hunter2', { cause: { error }, response });
}

/** What two replicas share, and how the authorization server renews. */
function start(renew: (refreshToken: string) => Promise<Grant>) {
  const asked: string[] = [];
  const server = {
    renew: (refreshToken: string) => {
      asked.push(refreshToken);
      return renew(refreshToken);
    },
  } as AuthorizationServer;
  const records = sealedRecords<Grant>('grant', [Buffer.alloc(32, 1)], memoryKeptValues());
  const usedOnce = memoryUsedOnce();
  const replicas = [grantedTokens(records, usedOnce), grantedTokens(records, usedOnce)] as const;
  return { asked, server, replicas };
}

test('a token is used until shortly before its end, then renewed, once for all replicas', async () => {
  const renewed = { accessToken: 'second', endsAt: Date.now() + 600_000, refreshToken: 'next' };
  const { asked, server, replicas } = start(async () => renewed);
  const [a, b] = replicas;
  await a.keep('ada', 'calendar', { ...OVER, endsAt: Date.now() + 40_000 });
  expect(await b.token('ada', 'calendar', server)).toBe('first');
  expect(asked).toEqual([]);

  await a.keep('ada', 'calendar', { ...OVER, endsAt: Date.now() + 20_000 });
  const tokens = [a, b, a, b].map((replica) => replica.token('ada', 'calendar', server));
  expect(await Promise.all(tokens)).toEqual(['second', 'second', 'second', 'second']);
  expect(asked).toEqual(['refresh']);
});

test('a token without an end is used as it is', async () => {
  const { asked, server, replicas } = start(() => Promise.reject(new Error('asked')));
  await replicas[0].keep('ada', 'calendar', { accessToken: 'endless' });

  expect(await replicas[1].token('ada', 'calendar', server)).toBe('endless');
  expect(asked).toEqual([]);
});

test.each([
  ['whose server says that it is over', OVER, ['refresh']],
  ['that cannot be renewed', { accessToken: 'first', endsAt: 0 }, []],
])('a grant %s is forgotten', async (_what, grant, asks) => {
  const { asked, server, replicas } = start(() => Promise.reject(refusal(400, 'invalid_grant')));
  await replicas[0].keep('ada', 'calendar', grant);

  expect(await replicas[0].token('ada', 'calendar', server)).toBeUndefined();
  expect(await replicas[1].token('ada', 'calendar', server)).toBeUndefined();
  expect(asked).toEqual(asks);
});

test.each([
  ['answers wrongly', refusal(401, 'invalid_client'), 'A grant was not renewed: invalid_client'],
  ['cannot be reached', new TypeError('fetch failed: hunter2'), 'A grant was not renewed: no usable answer'],
])('a grant whose server %s stays, and the error has no word of it', async (_what, error, message) => {
  let isAway = true;
  const renewed = { accessToken: 'second', endsAt: Date.now() + 600_000 };
  const { server, replicas } = start(() => (isAway ? Promise.reject(error) : Promise.resolve(renewed)));
  await replicas[0].keep('ada', 'calendar', OVER);
  await expect(replicas[0].token('ada', 'calendar', server)).rejects.toThrow(new Error(message));
  isAway = false;

  expect(await replicas[1].token('ada', 'calendar', server)).toBe('second');
});

test('a grant that is withdrawn while it is renewed is gone', async () => {
  let answer = (_grant: Grant) => {};
  const renewal = new Promise<Grant>((resolve) => (answer = resolve));
  const { asked, server, replicas } = start(() => renewal);
  const [a, b] = replicas;
  await a.keep('ada', 'calendar', OVER);
  const token = a.token('ada', 'calendar', server);
  while (asked.length === 0) await new Promise(setImmediate);
  const withdrawn = b.withdraw('ada', 'calendar');
  answer({ accessToken: 'second', endsAt: Date.now() + 600_000 });
  await Promise.all([token, withdrawn]);

  expect(await a.token('ada', 'calendar', server)).toBeUndefined();
});

test('owners and APIs have grants of their own', async () => {
  const { server, replicas } = start(() => Promise.reject(new Error('asked')));
  const [a] = replicas;
  await a.keep('ada', 'calendar', { accessToken: 'first' });
  await a.withdraw('bob', 'calendar');
  await a.withdraw('ada', 'mail');

  expect(await a.token('bob', 'calendar', server)).toBeUndefined();
  expect(await a.token('ada', 'mail', server)).toBeUndefined();
  expect(await a.token('ada', 'calendar', server)).toBe('first');
});
