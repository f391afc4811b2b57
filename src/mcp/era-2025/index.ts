/** MCP revisions 2024-11-05 to 2025-11-25 over streamable HTTP: sessions are records, an engine lives for one request. */
import type { Request, Response } from 'express';
import type { ChangeBus, SessionRecord } from '../../stores/types.js';
import type { Era } from '../era.js';
import { createResponseWriter } from '../exchange/response-writer.js';
import { type AnswerOptions, answerRequest } from './answer-request.js';
import { type ChangeStreams, createChangeStreams } from './change-streams.js';
import { createEngine } from './engine.js';
import { createLiveSessions } from './live-sessions.js';
import { createMethods, type MethodsOptions } from './methods.js';
import { openSession, requireSession } from './sessions.js';

export interface Era2025Options
  extends MethodsOptions,
    Pick<AnswerOptions, 'askTimeoutMs' | 'keepAlive' | 'maxBufferBytes' | 'logger'> {
  readonly changes: ChangeBus;
  readonly maxSessionsPerCaller: number;
  readonly maxStreamsPerCaller: number;
}

/** All of it that handling a request needs. */
interface Context extends Era2025Options, AnswerOptions {
  readonly streams: ChangeStreams;
}

export function createEra2025(options: Era2025Options): Era {
  const { sessions, keepAlive } = options;
  const live = createLiveSessions();
  const onError = (err: unknown) => options.logger.error({ err }, 'the session store failed');
  const streams = createChangeStreams({
    ...options,
    live,
    maxPerCaller: options.maxStreamsPerCaller,
    onError,
  });
  const methods = createMethods(options);
  const context: Context = { ...options, live, streams, methods, engine: createEngine(options.capabilities) };

  const stopListening = sessions.onEnd((id) => live.end(id));
  /** What is open keeps its session from idling out; where the session has ended unheard, so does what is open. */
  const touch = () => {
    for (const id of live.ids()) sessions.get(id).then((session) => session ?? live.end(id), onError);
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
      keepAlive.remove(touch);
      stopListening();
    },
    streams: () => streams.count(),
  };
}

async function handle(req: Request, res: Response, context: Context): Promise<void> {
  const { kind, method } = req.envelope;
  if (req.envelope.sessionId === undefined && kind === 'request' && method === 'initialize') {
    return openSession(req, res, context);
  }
  const session = await requireSession(req, context.sessions);
  if (kind === 'request') return answerRequest(req, res, session, context);
  if (kind === 'stream') {
    return context.streams.open(session, createResponseWriter(res, { ...context, audit: req.audit }));
  }
  if (kind === 'end') {
    await context.sessions.delete(session.id); // its end reaches `live` through the store, as on every replica
    return void res.status(204).end();
  }
  receive(req, session, context);
  res.status(202).end();
}

/** A notification, or the answer to a question of ours. What fits nothing in flight is accepted and ignored. */
function receive(req: Request, session: SessionRecord, { live }: Context): void {
  const { kind, id, method, message } = req.envelope;
  const open = live.find(session.id);
  if (kind === 'response') {
    const settle = open?.asks.get(String(id));
    if (!settle || typeof id !== 'string') req.audit.note({ detail: { answer: 'unknown' } });
    else settle(message ?? { jsonrpc: '2.0' });
  } else if (method === 'notifications/cancelled') {
    open?.calls.get(message?.params?.['requestId'] as string)?.abort();
  }
}
