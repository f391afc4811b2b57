import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createStandings, type Standings } from '../../../src/server/identity/standings.js';
import type { Caller } from '../../../src/server/identity/caller.js';
import { credentialsInvalid, type IsWithdrawn } from '../../../src/server/identity/verifier.js';
import { RefusedRequest } from '../../../src/server/refusal.js';

const ANN = { issuer: 'i', subject: 'ann', method: 'jwt', scopes: [] } as const;
const BOB = { ...ANN, subject: 'bob' } as const;

const challenge = () => ({ 'WWW-Authenticate': 'Bearer' });
const refuse = async (): Promise<Caller> => {
  throw credentialsInvalid('unknown_key');
};

let withdrawn: Set<string>;
let lost: string[];
let standings: Standings;

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
  withdrawn = new Set();
  lost = [];
  standings = createStandings({
    challenge,
    withdrawals: [
      async () =>
        ({ subject }) =>
          withdrawn.has(subject),
    ],
  });
});
afterEach(() => {
  standings.close();
  jest.useRealTimers();
});

const watch = (caller: Caller = ANN, prove: () => Promise<Caller> = async () => caller) =>
  standings.watcher(
    caller,
    prove,
  )((standing, { status }) => void lost.push(`${caller.subject} ${standing} ${status}`));

test('a withdrawn credential is told within a second, once, and to nobody else', async () => {
  watch();
  watch(BOB);
  withdrawn.add('ann');

  await jest.advanceTimersByTimeAsync(1_000);
  expect(lost).toEqual(['ann withdrawn 401']);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(lost).toEqual(['ann withdrawn 401']);
});

test('an expired credential is told once; it can still be withdrawn, but is not proven again', async () => {
  const prove = jest.fn(refuse);
  watch({ ...ANN, expiresAt: 5_000 }, prove);

  await jest.advanceTimersByTimeAsync(4_999);
  expect(lost).toEqual([]);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(lost).toEqual(['ann expired 401']);
  expect(prove).not.toHaveBeenCalled();
  withdrawn.add('ann');
  await jest.advanceTimersByTimeAsync(1_000);
  expect(lost).toEqual(['ann expired 401', 'ann withdrawn 401']);
});

test('what only the issuer knows is found out every 20 s', async () => {
  watch(ANN, refuse);
  watch(BOB);
  watch({ ...ANN, subject: 'cid', scopes: ['a'] }, async () => ANN);
  watch({ ...ANN, subject: 'dan' }, async () => {
    throw new RefusedRequest('issuer_unavailable');
  });

  await jest.advanceTimersByTimeAsync(20_000);
  expect(lost).toEqual(['ann withdrawn 401', 'cid withdrawn 401']);
});

test('a thousand credentials are proven in turns, each once in 20 s: no issuer is asked about all at once', async () => {
  const prove = jest.fn(async () => ANN);
  for (let i = 0; i < 1_000; i += 1) watch({ ...ANN, subject: `ann ${i}` }, prove);

  await jest.advanceTimersByTimeAsync(20_000);
  expect(prove).toHaveBeenCalledTimes(50);
  await jest.advanceTimersByTimeAsync(19_999);
  expect(prove).toHaveBeenCalledTimes(1_000);
});

test('while nobody can tell, nothing ends, and what another source says still counts', async () => {
  let isBroken = true;
  const broken = async (): Promise<IsWithdrawn> => {
    if (isBroken) throw new Error('no file');
    return () => true;
  };
  standings.close();
  standings = createStandings({
    challenge,
    withdrawals: [
      broken,
      async () =>
        ({ subject }) =>
          withdrawn.has(subject),
    ],
  });
  watch();
  watch(BOB);
  withdrawn.add('ann');

  await jest.advanceTimersByTimeAsync(10_000);
  expect(lost).toEqual(['ann withdrawn 401']);
  isBroken = false;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(lost).toEqual(['ann withdrawn 401', 'bob withdrawn 401']);
});

test('what has ended is told nothing', async () => {
  watch()();
  withdrawn.add('ann');

  await jest.advanceTimersByTimeAsync(60_000);
  expect(lost).toEqual([]);
});
