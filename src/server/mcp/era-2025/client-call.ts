/** What a call can send to its client: logs, progress and questions, as revisions up to 2025-11-25 have them. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Request } from 'express';
import { declares, isAnswer, isByUrl, requireDeclared } from '../calls/client-questions.js';
import { type Call, type Cancellation, type Params, RpcError, URL_REQUIRED } from '../calls/call.js';
import { logTo, type Notify, progressTo } from '../calls/notifications.js';
import type { UnsentPart } from '../exchange/unsent-answers.js';
import { type AskRequest, ToolError } from '../definitions/tool.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import { hasAnswerShape } from './engine.js';
import type { Within } from './methods.js';
import type { Output } from './output.js';

export interface CallWithin extends Within {
  readonly output: Output;
  readonly cancellation: Cancellation;
  readonly made: UnsentPart;
  /** Called before a question: its answer may come by another replica. */
  readonly heedReplies: () => void;
}

/** @param scopes that the call needs: an answer to its questions needs the same */
export function createClientCall(
  req: Request,
  within: CallWithin,
  scopes: readonly string[],
  askTimeoutMs: number,
) {
  const { session, live, output, cancellation, made } = within;
  const { clientCapabilities } = session;
  const notify: Notify = (method, params) => output.send({ jsonrpc: '2.0', method, params });
  /** The elicitation of each `ask` by URL, by its key. */
  const sentTo = new Map<string, string>();
  const asks = createAsks(within, scopes, askTimeoutMs);
  const call: Call = {
    caller: req.caller,
    requestId: req.requestId,
    audit: output.audit ?? req.audit,
    cancellation,
    made,
    log: logTo(notify, () => live.minLevel ?? 'debug'),
    progress: progressTo(notify, req.envelope.message?.params?.['_meta']),
    canAsk: (method, mode) => declares(clientCapabilities, method, mode),
    ask: async (key, request) => {
      requireDeclared(clientCapabilities, request);
      if (!isByUrl(request)) return asks.ask(request);
      const elicitationId = randomUUID();
      sentTo.set(key, elicitationId);
      return asks.ask(request, { elicitationId });
    },
    urlRequired: (request) => {
      requireDeclared(clientCapabilities, request);
      const { params } = request;
      const elicitations = [{ ...params, elicitationId: randomUUID() }];
      return new RpcError(URL_REQUIRED, params.message, { elicitations });
    },
    completed: (key) => {
      const elicitationId = sentTo.get(key);
      sentTo.delete(key); // told once
      if (elicitationId) return notify('notifications/elicitation/complete', { elicitationId });
    },
  };
  return { call, close: asks.close };
}

/** The first revision in which a model may answer with a list of content blocks. */
const BLOCKS_SINCE = '2025-11-25';

/** Requests from a call to its client: sent on the call's stream, answered by a POST of their own. */
function createAsks(
  { session, live, output, cancellation, heedReplies }: CallWithin,
  scopes: readonly string[],
  timeoutMs: number,
) {
  const waiting = new Map<string, NodeJS.Timeout>();
  const forget = (id: string) => {
    clearTimeout(waiting.get(id));
    waiting.delete(id);
    live.asks.delete(id);
  };

  /** @throws {ToolError} when the client answers with an error, wrongly, or not in time */
  const ask = (request: AskRequest, more: Params = {}) =>
    new Promise<unknown>((resolve, reject) => {
      if (output.closed) return reject(new ToolError('The client has gone'));
      // Random: nobody can guess it, and no other call of the session uses it.
      const id = randomBytes(16).toString('base64url');
      const fail = (message: string) => {
        forget(id);
        reject(new ToolError(message));
      };
      const onTimeout = () => {
        // MCP 2025-11-25, lifecycle, timeouts: the sender of a request that timed out cancels it.
        const params = { requestId: id, reason: 'timeout' };
        void output.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
        fail('The client did not answer in time');
      };
      waiting.set(id, setTimeout(onTimeout, timeoutMs));
      cancellation.onCancel(() => fail('The call was cancelled'));
      const settle = (answer: JsonRpcMessage) => {
        if (answer.error) return fail('The client answered with an error');
        if (!isAnswer(request, answer.result, hasAnswerShape, session.protocolVersion >= BLOCKS_SINCE))
          return fail('The answer of the client is not valid');
        forget(id);
        resolve(answer.result);
      };
      live.asks.set(id, { scopes, settle });
      heedReplies();
      const params = { ...request.params, ...more };
      void output.send({ jsonrpc: '2.0', id, method: request.method, params });
    });

  return { ask, close: () => [...waiting.keys()].forEach(forget) };
}
