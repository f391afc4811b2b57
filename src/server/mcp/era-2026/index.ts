/** Protocol revision 2026-07-28: every request stands alone, so nothing is kept between two of them. */
import type { Response } from 'express';
import type { Logger } from '../../observe/logger.js';
import { RefusedRequest } from '../../refusal.js';
import type { Bus, Change, PlaceStore } from '../../stores/types.js';
import type { Catalog } from '../definitions/catalog.js';
import { VERSIONS_2026 } from '../envelope/envelope.js';
import type { Era } from '../era-router.js';
import type { KeepAlive } from '../exchange/keep-alive.js';
import type { Handlers } from '../calls/handlers.js';
import { createPreparedLists } from '../definitions/prepared-lists.js';
import type { Capabilities } from '../definitions/server-info.js';
import { answerCall } from './answer-call.js';
import { createEngine } from './engine.js';
import { createListeners } from './listen.js';
import { createRequestStates, type RequestStateOptions } from './request-state.js';

export interface Era2026Options {
  readonly handlers: Handlers;
  readonly catalog: Catalog;
  readonly changes: Bus<Change>;
  /** A method whose capability is missing here is answered as unknown. */
  readonly capabilities: Capabilities;
  readonly requestState: RequestStateOptions;
  readonly places: PlaceStore;
  /** `MAX_STREAMS_PER_CALLER` */
  readonly maxStreamsPerCaller: number;
  readonly keepAlive: KeepAlive;
  /** `STREAM_MAX_BUFFER_BYTES` */
  readonly maxBufferBytes: number;
  readonly logger: Logger;
}

export function createEra2026(options: Era2026Options): Era {
  const engine = createEngine(options.capabilities, VERSIONS_2026);
  const states = createRequestStates(options.requestState);
  const listeners = createListeners(options);
  const streams = new Set<Response>();
  const calls = new Set<Promise<void>>();
  const context = { ...options, engine, states, streams, lists: createPreparedLists() };

  return {
    async handle(req, res) {
      const { kind, method } = req.envelope;
      // The revision defines no notification from a client; like any other it is accepted and ignored.
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
