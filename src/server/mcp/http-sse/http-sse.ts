/** HTTP+SSE (MCP 2024-11-05): the client sends its messages as POSTs and receives all answers on one GET stream. */
import type { Request, Response } from 'express';
import { callerKey } from '../../identity/caller.js';
import { RefusedRequest } from '../../refusal.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import {
  createResponseWriter,
  type ResponseWriter,
  type ResponseWriterOptions,
} from '../exchange/response-writer.js';
import { type AnswerOptions, answerRequest } from '../era-2025/answer-request.js';
import { type AcceptOptions, acceptMessage } from '../era-2025/client-messages.js';
import type { FollowedSessions } from '../era-2025/followed-sessions.js';
import type { GetStreams } from '../era-2025/get-streams.js';
import type { Output } from '../era-2025/output.js';
import { newSessionId, openSession, type OpenSessionOptions, requireSession } from '../era-2025/sessions.js';

export interface SseOptions extends ResponseWriterOptions, AnswerOptions, OpenSessionOptions, AcceptOptions {
  /** Path of the endpoint for the client's messages. */
  readonly sseMessagesPath: string;
  readonly streams: Pick<GetStreams, 'take'>;
  readonly followed: Pick<FollowedSessions, 'heedReplies' | 'hearChanges'>;
  readonly onError: (error: unknown) => void;
}

/** The stream of one client. The session ends with it. */
interface SseConnection {
  readonly id: string;
  readonly owner: string;
  /** Of the caller that opened it. */
  readonly scopes: readonly string[];
  readonly writer: ResponseWriter;
  /** Whether `initialize` is running or done. */
  isInitialized: boolean;
}

export type Sse = ReturnType<typeof createSse>;

export function createSse(options: SseOptions) {
  const { live, sessions } = options;
  const connections = new Map<string, SseConnection>();

  /** @throws {RefusedRequest} `too_many_streams` */
  const open = async (req: Request, res: Response): Promise<void> => {
    const writer = createResponseWriter(res, options);
    const owner = callerKey(req.caller);
    await options.streams.take(owner, writer);
    const id = newSessionId();
    req.audit.session(id);
    connections.set(id, { id, owner, scopes: req.caller.scopes, writer, isInitialized: false });
    writer.onClose(() => connections.delete(id));
    writer.event({ type: 'endpoint', data: `${options.sseMessagesPath}?sessionId=${id}` });
  };

  /** @throws {RefusedRequest} `session_required`; `session_not_found` for unknown, ended and foreign sessions alike */
  const find = ({ envelope: { sessionId }, caller, audit }: Request): SseConnection => {
    if (!sessionId) throw new RefusedRequest('session_required');
    audit.session(sessionId);
    const connection = connections.get(sessionId);
    if (connection?.owner !== callerKey(caller)) throw new RefusedRequest('session_not_found');
    return connection;
  };

  /** Creates the session. Its connection gets the changes; when it ends, so does the session. */
  const begin = async (req: Request, connection: SseConnection): Promise<JsonRpcMessage> => {
    const { id, scopes, writer } = connection;
    connection.isInitialized = true;
    let answer: JsonRpcMessage | undefined;
    try {
      answer = await openSession(req, id, options);
    } finally {
      connection.isInitialized = answer?.result !== undefined;
    }
    if (!answer.result) return answer;
    const { streams } = live.enter(id);
    streams.set(id, { scopes, writer });
    writer.onClose(() => {
      streams.delete(id);
      live.release(id);
      sessions.delete(id).catch(options.onError); // this cancels its calls in flight
    });
    await options.followed.hearChanges(id);
    return answer;
  };

  return {
    handle: async (req: Request, res: Response): Promise<void> => {
      const { kind, method } = req.envelope;
      if (kind === 'stream') return open(req, res);
      const connection = find(req);
      const output = createSseOutput(req, res, connection.writer);
      if (kind === 'request' && method === 'initialize' && !connection.isInitialized)
        return output.answer(await begin(req, connection));
      const session = await requireSession(req, sessions);
      if (kind === 'request') return answerRequest(req, res, session, output, options);
      await acceptMessage(req, session, options);
      res.status(202).end();
    },

    /** Ends every stream. */
    close: (): void => {
      for (const { writer } of connections.values()) writer.end();
    },
  };
}

/** The answer goes to the stream. The POST gets a 202 once nothing can refuse the call any more. */
function createSseOutput(req: Request, res: Response, writer: ResponseWriter): Output {
  let isOver = false; // of this call; the stream goes on for others
  const accept = () => {
    if (!res.headersSent) res.status(202).end();
  };
  const send = (message: object) => {
    if (isOver) return;
    accept();
    writer.send(message);
    return writer.room();
  };
  const end = () => {
    accept();
    isOver = true;
  };
  return {
    send,
    answer: (message) => {
      void send(message);
      end();
    },
    end,
    get closed() {
      return isOver || writer.closed;
    },
    audit: {
      note: (facts) => req.audit.note(facts),
      received: async () => {
        await req.audit.received();
        accept();
      },
    },
  };
}
