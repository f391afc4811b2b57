/** One POSTed request within a session: from its id to its answer. */
import type { Request, Response } from 'express';
import type { Logger } from '../../observe/logger.js';
import { RefusedRequest } from '../../refusal.js';
import type { SessionRecord } from '../../stores/types.js';
import { Cancellation, internalError, INVALID_PARAMS, RpcError } from '../calls/call.js';
import { scopesOf } from '../calls/authorize.js';
import { cancelWhenWithdrawn } from '../calls/cancel-when-withdrawn.js';
import { toolFailure } from '../calls/call-tool.js';
import type { Catalog } from '../definitions/catalog.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { UnsentAnswers } from '../exchange/unsent-answers.js';
import type { PreparedLists } from '../definitions/prepared-lists.js';
import { MissingCapability } from '../definitions/tool.js';
import { type CallWithin, createClientCall } from './client-call.js';
import type { Engine, Handle } from './engine.js';
import type { FollowedSessions } from './followed-sessions.js';
import type { LiveSessions } from './live-sessions.js';
import type { Method } from './methods.js';
import type { Output } from './output.js';

export interface AnswerOptions {
  readonly engine: Engine;
  readonly methods: ReadonlyMap<string, Method>;
  readonly live: LiveSessions;
  readonly followed: Pick<FollowedSessions, 'heedReplies'>;
  readonly lists: PreparedLists;
  readonly askTimeoutMs: number;
  readonly catalog: Catalog;
  readonly logger: Logger;
  readonly unsent: UnsentAnswers;
}

/** @throws {RefusedRequest}, or the error that broke the call, while nothing of the answer is written */
export async function answerRequest(
  req: Request,
  res: Response,
  session: SessionRecord,
  output: Output,
  options: AnswerOptions,
): Promise<void> {
  const id = req.envelope.id as string | number;
  if (options.live.find(session.id)?.calls.has(id))
    throw new RefusedRequest('malformed_message', { detail: { reason: 'id_in_use' } });
  const live = options.live.enter(session.id);
  live.minLevel = session.logLevel;
  const cancellation = new Cancellation();
  const made = options.unsent.part(req.caller);
  live.calls.set(id, cancellation);
  const stopWatching = cancelWhenWithdrawn(req.watchCredential, cancellation);
  const heedReplies = () => options.followed.heedReplies(session.id);
  try {
    await answer(req, res, { session, live, output, cancellation, made, heedReplies }, options);
  } finally {
    stopWatching();
    made.close();
    live.calls.delete(id);
    options.live.release(session.id);
  }
}

async function answer(req: Request, res: Response, within: CallWithin, options: AnswerOptions) {
  const { output, cancellation, made } = within;
  const { message, method = '' } = req.envelope;
  const { call, close } = createClientCall(
    req,
    within,
    scopesOf(options.catalog, req.envelope),
    options.askTimeoutMs,
  );
  const run = options.methods.get(method);
  let broken: unknown;
  const handle: Handle = async (params) => {
    try {
      return await run?.(params, call, within);
    } catch (error) {
      if (error instanceof MissingCapability && method === 'tools/call') return toolFailure(error.message);
      const answerable = toRpcError(error);
      if (!answerable) broken = error;
      throw answerable ?? internalError(req.requestId);
    }
  };

  const result = await options.engine.answer(message as JsonRpcMessage, run && handle, cancellation);
  close();
  made.close(); // the output counts the answer from here on
  if (!result) {
    // Cancelled: no response is sent (MCP 2025-11-25, cancellation), and the client need not wait for one.
    if (cancellation.refusal && !res.headersSent) throw cancellation.refusal;
    req.audit.note({ detail: { ended: 'cancelled' } });
    return output.end();
  }
  if (broken !== undefined && !res.headersSent) throw broken;
  if (broken instanceof RefusedRequest) {
    req.audit.note(broken.facts);
    return output.answer(broken.toBody(req.requestId, req.envelope.id));
  }
  if (broken !== undefined)
    options.logger.error({ err: broken, requestId: req.requestId }, 'a streamed call failed');
  if (result.error) req.audit.note({ 'rpc.code': result.error.code });
  if (result.result?.['isError']) req.audit.note({ detail: { ended: 'tool_error' } });
  options.lists.keep(req, result);
  output.answer(result);
}

/** The JSON-RPC error that a client may read; `undefined` for any other error. */
function toRpcError(error: unknown): RpcError | undefined {
  if (error instanceof RpcError) return error;
  if (error instanceof MissingCapability) return new RpcError(INVALID_PARAMS, error.message);
  return undefined;
}
