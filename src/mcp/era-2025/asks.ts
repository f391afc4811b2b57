/** Requests from a call to its client: sent on the call's stream, answered by a POST of their own. */
import { randomBytes } from 'node:crypto';
import type { Cancellation } from '../call.js';
import type { JsonRpcMessage } from '../message.js';
import { type AskRequest, ToolError } from '../tool.js';
import { isAnswerTo } from './engine.js';
import type { LiveSession } from './live-sessions.js';
import type { Output } from './output.js';

export interface AsksOptions {
  readonly live: LiveSession;
  readonly output: Output;
  /** Rejects what still waits when the call is cancelled. */
  readonly cancellation: Cancellation;
  readonly timeoutMs: number;
}

export interface Asks {
  /** @throws {ToolError} when the client answers with an error, wrongly, or not in time */
  ask(request: AskRequest): Promise<unknown>;
  /** Forgets what still waits; the call is over and nobody listens. */
  close(): void;
}

export function createAsks({ live, output, cancellation, timeoutMs }: AsksOptions): Asks {
  const waiting = new Map<string, NodeJS.Timeout>();
  const forget = (id: string) => {
    clearTimeout(waiting.get(id));
    waiting.delete(id);
    live.asks.delete(id);
  };

  const ask = (request: AskRequest) =>
    new Promise<unknown>((resolve, reject) => {
      if (output.closed) return reject(new ToolError('The client has gone'));
      // Unguessable, and unique whatever other calls of the session ask at the same time.
      const id = randomBytes(16).toString('base64url');
      const fail = (message: string) => {
        forget(id);
        reject(new ToolError(message));
      };
      const onTimeout = () => {
        output.send(cancelled(id));
        fail('The client did not answer in time');
      };
      waiting.set(id, setTimeout(onTimeout, timeoutMs));
      cancellation.onCancel(() => fail('The call was cancelled'));
      live.asks.set(id, (answer) => {
        if (answer.error) return fail('The client answered with an error');
        if (!isAnswerTo(request, answer.result)) return fail('The answer of the client is not valid');
        forget(id);
        resolve(answer.result);
      });
      output.send({ jsonrpc: '2.0', id, ...request });
    });

  return { ask, close: () => [...waiting.keys()].forEach(forget) };
}

/** MCP 2025-11-25, lifecycle, timeouts: the sender of a request that timed out cancels it. */
function cancelled(requestId: string): JsonRpcMessage {
  return { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason: 'timeout' } };
}
