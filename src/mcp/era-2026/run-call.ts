/** Lends a request's way back to the client to the handler that its method names. */
import type { Request } from 'express';
import type { Cancellation } from '../call.js';
import type { Handlers, SharedMethod } from '../handlers.js';
import { runAsking } from './asks.js';
import type { Params, Result } from './engine.js';
import { requestNotifications, type Send } from './notifications.js';
import type { RequestStates } from './request-state.js';

export interface RunCallOptions {
  readonly handler: Handlers[SharedMethod];
  /** As the schema of the method has read them. */
  readonly params: Params;
  readonly cancellation: Cancellation;
  readonly send: Send;
  readonly states: RequestStates;
}

/** @throws what the handler throws, `RefusedRequest` and `MissingCapability` included */
export async function runCall(req: Request, options: RunCallOptions): Promise<Result> {
  const { caller, audit, requestId, envelope } = req;
  const { handler, params, cancellation, send, states } = options;
  const received: Params = envelope.message?.params ?? {};
  const meta = (received['_meta'] ?? {}) as Params;
  const capabilities = (meta['io.modelcontextprotocol/clientCapabilities'] ?? {}) as Params;
  const notifications = requestNotifications(meta, send);

  return runAsking(states, { caller, method: envelope.method ?? '', params: received, capabilities }, (way) =>
    handler(params, { caller, requestId, audit, cancellation, ...way, ...notifications }),
  );
}
