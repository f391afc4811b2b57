/** Lends a call the way back to its client: log, progress and questions, in the terms of revisions up to 2025-11-25. */
import type { Request } from 'express';
import type { SessionRecord } from '../../stores/types.js';
import type { Call, Cancellation } from '../call.js';
import { type AskRequest, LOG_LEVELS, type LogLevel, MissingCapability } from '../tool.js';
import type { Asks } from './asks.js';
import type { LiveSession } from './live-sessions.js';
import type { Output } from './output.js';

export interface ClientCallOptions {
  readonly session: SessionRecord;
  readonly live: LiveSession;
  readonly output: Output;
  readonly cancellation: Cancellation;
  readonly asks: Asks;
}

const CAPABILITY = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
} as const;

export function createClientCall(req: Request, options: ClientCallOptions): Call {
  const { session, live, output, cancellation, asks } = options;
  const notify = (method: string, params: object) => output.send({ jsonrpc: '2.0', method, params });
  const canAsk = (method: AskRequest['method']) =>
    Object.hasOwn(session.clientCapabilities, CAPABILITY[method]);

  return {
    caller: req.caller,
    requestId: req.requestId,
    audit: output.audit ?? req.audit,
    cancellation,
    log: (level, data) => {
      if (isAtLeast(level, live.minLevel)) notify('notifications/message', { level, data });
    },
    progress: progressTo(req, (params) => notify('notifications/progress', params)),
    canAsk,
    ask: async (_key, request) => {
      // A client that cannot answer would leave the call waiting until its time is up.
      if (!canAsk(request.method)) throw new MissingCapability(CAPABILITY[request.method]);
      return asks.ask(request);
    },
  };
}

function isAtLeast(level: LogLevel, minimum: string | undefined): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(minimum as LogLevel);
}

/** Progress MUST increase with each notification (MCP 2025-11-25, progress): what does not is dropped. */
function progressTo(req: Request, notify: (params: object) => void): Call['progress'] {
  const meta = req.envelope.message?.params?.['_meta'] as { progressToken?: string | number } | undefined;
  const progressToken = meta?.progressToken;
  if (progressToken === undefined) return () => {};

  let last = Number.NEGATIVE_INFINITY;
  return (progress, total, message) => {
    if (!(progress > last)) return;
    last = progress;
    notify({
      progressToken,
      progress,
      ...(total !== undefined && { total }),
      ...(message !== undefined && { message }),
    });
  };
}
