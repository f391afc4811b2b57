/** MCP revisions 2024-11-05 to 2025-11-25: sessions are records, an engine lives for one request. */
import type { Request, Response } from 'express';
import type { Stores } from '../../stores/types.js';
import type { Era } from '../era-router.js';
import { createResponseWriter, type ResponseWriterOptions } from '../exchange/response-writer.js';
import type { Catalog } from '../definitions/catalog.js';
import { createPreparedLists } from '../definitions/prepared-lists.js';
import { type AnswerOptions, answerRequest } from './answer-request.js';
import { acceptMessage, receiveReply } from './client-messages.js';
import { createEngine } from './engine.js';
import { createFollowedSessions } from './followed-sessions.js';
import { createGetStreams, type GetStreams, tellChange } from './get-streams.js';
import { createLiveSessions } from './live-sessions.js';
import { createMethods, type MethodsOptions } from './methods.js';
import { createLoggedOutput } from './output.js';
import { type Challenge, scopesOf } from '../calls/authorize.js';
import { newSessionId, openSession, requireSession } from './sessions.js';
import { createSse, type Sse } from '../http-sse/http-sse.js';

export interface Era2025Options
  extends MethodsOptions,
    ResponseWriterOptions,
    Pick<AnswerOptions, 'askTimeoutMs' | 'logger'>,
    Pick<Stores, 'changes' | 'events' | 'clientReplies' | 'streamSlots'> {
  readonly catalog: Catalog;
  readonly challenge: Challenge;
  readonly maxSessionsPerCaller: number;
  readonly maxStreamsPerCaller: number;
  /** Path of the endpoint that takes the messages of HTTP+SSE. */
  readonly sseMessagesPath: string;
}

/** All that handling a request needs. */
interface Context extends Era2025Options, AnswerOptions {
  readonly streams: GetStreams;
  readonly sse: Sse;
  readonly onError: (error: unknown) => void;
}

export function createEra2025(options: Era2025Options): Era {
  const { sessions, events, keepAlive } = options;
  const live = createLiveSessions((id) => followed.stop(id));
  const onError = (err: unknown) => options.logger.error({ err }, 'a store failed');
  const followed = createFollowedSessions({
    ...options,
    live,
    onReply: (reply) => receiveReply(reply, live),
    onChange: (id, change) => tellChange(live.find(id), change, options),
    onError,
  });
  const streams = createGetStreams({ ...options, live, followed });
  const methods = createMethods(options);
  const engine = createEngine(options);
  const lists = createPreparedLists();
  const parts = { ...options, live, followed, streams, methods, engine, lists, onError };
  const sse = createSse(parts);
  const context: Context = { ...parts, sse };

  const stopListening = sessions.onEnd((id) => {
    live.end(id);
    events.forget(id).catch(onError);
  });
  /** Open calls and streams keep their session from idling. They end when it has ended without notice. */
  const touch = {
    bufferedBytes: 0,
    recheck: () => {
      for (const id of live.ids()) sessions.keep(id).then((isThere) => isThere || live.end(id), onError);
    },
  };
  keepAlive.add(touch);

  const running = new Set<Promise<void>>();
  return {
    handle: (req, res) => {
      const handled = handle(req, res, context).finally(() => running.delete(handled));
      running.add(handled);
      return handled;
    },
    drain: async () => {
      streams.close();
      while (running.size > 0) await Promise.allSettled(running);
      sse.close(); // last: its streams carry the answers of the calls
      keepAlive.remove(touch);
      stopListening();
      followed.close();
    },
    streams: () => streams.count(),
  };
}

async function handle(req: Request, res: Response, context: Context): Promise<void> {
  const { kind, method, isSse, sessionId } = req.envelope;
  if (isSse) return context.sse.handle(req, res);
  const { maxBufferBytes, events, onError } = context;
  const writer = createResponseWriter(res, context);
  if (sessionId === undefined && kind === 'request' && method === 'initialize') {
    const id = newSessionId();
    const answer = await openSession(req, id, context);
    if (answer.result) res.setHeader('Mcp-Session-Id', id);
    return writer.answer(answer);
  }
  const session = await requireSession(req, context.sessions);
  const prepared = kind === 'request' && !isIdInUse(req, context) ? context.lists.find(req) : undefined;
  if (prepared) return writer.answerPrepared(...prepared);
  // A dropped connection does not cancel the call (MCP 2025-11-25, transports): it runs on, its client may come back.
  if (kind === 'request')
    return answerRequest(
      req,
      res,
      session,
      createLoggedOutput({
        events,
        onError,
        writer,
        maxBufferBytes,
        session,
        scopes: scopesOf(context.catalog, req.envelope),
        id: req.envelope.id ?? 0,
      }),
      context,
    );
  if (kind === 'stream') return context.streams.open(req, session, writer);
  if (kind === 'end') {
    await context.sessions.delete(session.id); // the store tells every replica, which ends what is open there
    return void res.status(204).end();
  }
  await acceptMessage(req, session, context);
  res.status(202).end();
}

function isIdInUse({ envelope: { id = '', sessionId = '' } }: Request, { live }: Context): boolean {
  return live.find(sessionId)?.calls.has(id) ?? false;
}
