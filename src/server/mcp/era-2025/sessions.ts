/** How a session begins, and who may use it. */
import { randomBytes } from 'node:crypto';
import type { Request } from 'express';
import { type Caller, callerKey } from '../../identity/caller.js';
import { RefusedRequest } from '../../refusal.js';
import type { SessionRecord, SessionStore } from '../../stores/types.js';
import { declared } from '../calls/client-questions.js';
import { Cancellation, type Params } from '../calls/call.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { Engine } from './engine.js';

export interface OpenSessionOptions {
  readonly engine: Engine;
  readonly sessions: SessionStore;
  readonly maxSessionsPerCaller: number;
}

export function newSessionId(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * `initialize`: the engine answers, and what later requests need becomes the record `id`.
 * @throws {RefusedRequest} `too_many_sessions`
 */
export async function openSession(
  req: Request,
  id: string,
  { engine, sessions, maxSessionsPerCaller }: OpenSessionOptions,
): Promise<JsonRpcMessage> {
  const request = req.envelope.message as JsonRpcMessage;
  const neverCancelled = new Cancellation(); // MUST NOT be cancelled (MCP 2025-11-25, cancellation)
  const answer = (await engine.answer(request, undefined, neverCancelled)) as JsonRpcMessage;
  if (answer.error) req.audit.note({ 'rpc.code': answer.error.code });
  if (!answer.result) return answer;
  const session = recordOf(id, req.caller, request, answer.result);
  const created = await sessions.create(session, maxSessionsPerCaller);
  if (!created.created) {
    const waitS = Math.max(1, Math.ceil(created.retryAfterMs / 1000));
    throw new RefusedRequest('too_many_sessions', { headers: { 'Retry-After': String(waitS) } });
  }
  if (created.ended !== undefined) req.audit.note({ detail: { evicted: 'least recently used session' } });
  req.audit.session(id);
  req.audit.note({ 'mcp.protocol.version': session.protocolVersion });
  return answer;
}

/** @throws {RefusedRequest} `session_required`; `session_not_found`, alike for unknown, ended and foreign sessions */
export async function requireSession(req: Request, sessions: SessionStore): Promise<SessionRecord> {
  const { sessionId, protocolVersion, method } = req.envelope;
  if (sessionId === undefined) throw new RefusedRequest('session_required');
  req.audit.session(sessionId);
  const session = await sessions.get(sessionId, callerKey(req.caller));
  if (!session) throw new RefusedRequest('session_not_found');
  req.audit.note({ 'mcp.protocol.version': session.protocolVersion });
  if (protocolVersion !== undefined && protocolVersion !== session.protocolVersion) {
    throw new RefusedRequest('malformed_message', { message: 'Another protocol version was negotiated' });
  }
  if (method === 'initialize')
    throw new RefusedRequest('malformed_message', { message: 'Already initialized' });
  return session;
}

/** @param request checked by the engine */
function recordOf(id: string, caller: Caller, request: JsonRpcMessage, result: Params): SessionRecord {
  const protocolVersion = String(result['protocolVersion']);
  const { clientInfo, capabilities } = request.params as Record<'clientInfo' | 'capabilities', Params>;
  return {
    id,
    owner: callerKey(caller),
    protocolVersion,
    clientInfo: { name: short(clientInfo['name']), version: short(clientInfo['version']) },
    clientCapabilities: declared(capabilities, protocolVersion), // only what is known, so that a record stays small
    subscriptions: [],
  };
}

function short(text: unknown): string {
  return String(text).slice(0, 256);
}
