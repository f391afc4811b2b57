import { expect, test } from '@jest/globals';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { answerAt, composeLayers } from '../../../src/server/layers/compose-layers.js';

/** What ran, in its order, and what came out at the end. */
async function walk(...layers: readonly ((ran: string[]) => RequestHandler)[]): Promise<readonly string[]> {
  const ran: string[] = [];
  const done: NextFunction = (error?: unknown) => ran.push(error instanceof Error ? error.message : 'done');
  const req = { originalUrl: '/a?b' } as Request;
  await composeLayers(layers.map((layer) => layer(ran)))(req, {} as Response, done);
  await new Promise(setImmediate);
  return ran;
}

const passing = (name: string) => (ran: string[]) =>
  function layer(_req, _res, next) {
    ran.push(name);
    next();
  } as RequestHandler;
const failing = () => () => {
  throw new Error('thrown');
};
const rejecting = () => () => Promise.reject(new Error('rejected'));

test('each layer runs after the one before it', async () => {
  expect(await walk(passing('a'), passing('b'), passing('c'))).toEqual(['a', 'b', 'c', 'done']);
});

test.each([
  ['thrown', failing],
  ['rejected', rejecting],
])('after an error that is %s no layer runs', async (message, layer) => {
  expect(await walk(passing('a'), layer, passing('c'))).toEqual(['a', message]);
});

test('an error that a layer hands on ends the walk', async () => {
  const handing = () => (_req: Request, _res: Response, next: NextFunction) => next(new Error('handed on'));
  expect(await walk(handing, passing('b'))).toEqual(['handed on']);
});

test('a layer that goes on twice lets nobody past the next layer', async () => {
  const twice = () => (_req: Request, _res: Response, next: NextFunction) => {
    next();
    next();
  };
  const guard = (ran: string[]) => () => void ran.push('guard'); // waits for something and has not gone on yet
  expect(await walk(twice, guard, passing('behind'))).toEqual(['guard', 'guard']);
});

test.each([
  [['/a'], ['answer']],
  [
    ['/a?b', '/'],
    ['b', 'done'],
  ],
])('of %j only the path of the request itself is answered', async (paths, expected) => {
  const answer = (ran: string[]) => answerAt(paths, () => void ran.push('answer'));
  expect(await walk(answer, passing('b'))).toEqual(expected);
});
