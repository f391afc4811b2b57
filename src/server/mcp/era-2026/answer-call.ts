/** Answers one request: runs the handler of its method, and writes the outcome. */
import type { Request, Response } from 'express';
import { RefusedRequest } from '../../refusal.js';
import { type Call, Cancellation, errorOf, internalError, type Params, RpcError } from '../calls/call.js';
import { cancelWhenWithdrawn } from '../calls/cancel-when-withdrawn.js';
import { createResponseWriter, type ResponseWriter } from '../exchange/response-writer.js';
import { declaresExtension, extensionRequired } from '../extensions/extension.js';
import type { SharedMethod } from '../calls/handlers.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import { logTo, type Notify, progressTo } from '../calls/notifications.js';
import type { PreparedLists } from '../definitions/prepared-lists.js';
import { isOffered } from '../definitions/server-info.js';
import { MissingCapability } from '../definitions/tool.js';
import { runMultiRound } from './input-required.js';
import type { Engine, Handle } from './engine.js';
import type { Era2026Options } from './options.js';
import type { RequestStates } from './request-state.js';

export interface AnswerCallOptions extends Era2026Options {
  readonly engine: Engine;
  readonly states: RequestStates;
  readonly lists: PreparedLists;
  /** The open event streams. */
  readonly streams: Set<Response>;
}

/** @throws {RefusedRequest} while nothing is written yet */
export async function answerCall(req: Request, res: Response, options: AnswerCallOptions): Promise<void> {
  const { message, protocolVersion } = req.envelope;
  if (!message || protocolVersion === undefined) throw new RefusedRequest('malformed_message');
  const { engine, streams, lists, unsent } = options;
  const cancellation = new Cancellation();
  const writer = createResponseWriter(res, options);
  const prepared = lists.find(req);
  if (prepared) return writer.answerPrepared(...prepared);
  writer.onDisconnect(() => cancellation.cancel()); // a client cancels by closing the response

  const stopWatching = cancelWhenWithdrawn(req.watchCredential, cancellation);
  const made = unsent.part(req.caller);
  const run = runner(req, { cancellation, made }, notifier(res, writer, streams), options);
  try {
    const answer = await engine
      .answer(message, run, cancellation)
      .catch((error: unknown) => toAnswer(req, error, options));
    made.close(); // from here on the writer counts it
    if (!answer) {
      if (cancellation.refusal && !res.headersSent) throw cancellation.refusal;
      return;
    }
    if (!(answer instanceof RefusedRequest)) lists.keep(req, answer);
    deliver(req, res, writer, answer);
  } finally {
    stopWatching();
    streams.delete(res);
  }
}

/** Makes the handler of a request; `undefined` for a method that is not served. */
function runner(
  { envelope, caller, audit, requestId, watchCredential }: Request,
  within: Pick<Call, 'cancellation' | 'made'>,
  notify: Notify,
  { handlers, extensions, capabilities: offered, states }: AnswerCallOptions,
): Handle | undefined {
  const { method = '', message } = envelope;
  const params = message?.params ?? {};
  const meta = (params['_meta'] ?? {}) as Params;
  const capabilities = (meta['io.modelcontextprotocol/clientCapabilities'] ?? {}) as Params;
  const added = extensions.find(({ methods }) => Object.hasOwn(methods, method));
  const isServed = Object.hasOwn(handlers, method) && isOffered(method, offered);
  if (!added && !isServed) return undefined;
  if (added && !declaresExtension(added.id, capabilities)) throw extensionRequired(added.id);
  const handler = added?.methods[method] ?? handlers[method as SharedMethod];
  const { asTask } = extensions.find((one) => one.asTask && declaresExtension(one.id, capabilities)) ?? {};
  // Without a level in the request, no log notification may be sent (MCP 2026-07-28, logging).
  const log = logTo(notify, () => meta['io.modelcontextprotocol/logLevel']);
  const progress = progressTo(notify, meta);
  return (checked) =>
    runMultiRound(states, { caller, method, params, capabilities }, (way) =>
      handler(checked, {
        caller,
        requestId,
        audit,
        watchCredential,
        log,
        progress,
        ...within,
        ...way,
        ...(asTask && { asTask }),
      }),
    );
}

function notifier(res: Response, writer: ResponseWriter, streams: Set<Response>): Notify {
  return (method, params) => {
    // After the answer or a refusal, notifications of a handler that is still running go nowhere.
    if (writer.closed || (res.headersSent && !streams.has(res))) return;
    streams.add(res);
    writer.send({ jsonrpc: '2.0', method, params });
    return writer.room();
  };
}

/** The public form of an error. Only messages written for clients are sent. */
function toAnswer(
  { requestId, envelope: { id = 0 } }: Request,
  error: unknown,
  { logger }: Era2026Options,
): JsonRpcMessage | RefusedRequest {
  if (error instanceof RefusedRequest) return error;
  if (error instanceof MissingCapability) {
    return new RefusedRequest('missing_capability', {
      data: { requiredCapabilities: error.required },
    });
  }
  if (error instanceof RpcError) return errorOf(id, error);
  logger.error({ err: error, requestId }, 'a request could not be answered');
  return errorOf(id, internalError(requestId));
}

function deliver(
  req: Request,
  res: Response,
  writer: ResponseWriter,
  answer: JsonRpcMessage | RefusedRequest,
): void {
  const { audit, requestId, envelope } = req;
  if (!(answer instanceof RefusedRequest)) {
    if (answer.error) audit.note({ 'rpc.code': answer.error.code });
    if (answer.result?.['isError']) audit.note({ detail: { ended: 'tool_error' } });
    return writer.answer(answer);
  }
  if (!res.headersSent) throw answer;
  audit.note(answer.facts);
  writer.answer(answer.toBody(requestId, envelope.id));
}
