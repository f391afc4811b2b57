/** Protocol revision 2026-07-28: stateless, so nothing is kept between requests. */
import type { Response } from 'express';
import { RefusedRequest } from '../../refusal.js';
import { VERSIONS_2026 } from '../envelope/envelope.js';
import type { Era } from '../era-router.js';
import { createPreparedLists } from '../definitions/prepared-lists.js';
import { answerCall } from './answer-call.js';
import { createEngine } from './engine.js';
import { createListeners } from './listen.js';
import type { Era2026Options } from './options.js';
import { createRequestStates } from './request-state.js';

export function createEra2026(options: Era2026Options): Era {
  const engine = createEngine(options, VERSIONS_2026);
  const states = createRequestStates(options.requestState);
  const listeners = createListeners(options);
  const streams = new Set<Response>();
  const calls = new Set<Promise<void>>();
  const context = { ...options, engine, states, streams, lists: createPreparedLists() };

  return {
    async handle(req, res) {
      const { kind, method } = req.envelope;
      // The revision defines no client notification, so any is accepted and ignored.
      if (kind === 'notification') return void res.status(202).end();
      if (kind !== 'request') throw new RefusedRequest('malformed_message');
      if (method === 'subscriptions/listen') return listeners.listen(req, res);

      const call = answerCall(req, res, context);
      calls.add(call);
      return call.finally(() => calls.delete(call));
    },
    async drain() {
      listeners.drain();
      while (calls.size > 0) await Promise.allSettled(calls);
    },
    streams: () => streams.size + listeners.size(),
  };
}
