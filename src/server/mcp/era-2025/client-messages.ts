/** What a client sends besides requests: notifications, cancellations and answers to questions. */
import type { Request } from 'express';
import type { ClientReply, SessionRecord, Stores } from '../../stores/types.js';
import { type Challenge, requireScopes } from '../calls/authorize.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { LiveSessions } from './live-sessions.js';

export interface AcceptOptions extends Pick<Stores, 'clientReplies'> {
  readonly live: LiveSessions;
  readonly challenge: Challenge;
}

/** A notification, or the answer to a question. One that nothing here or elsewhere waits for is ignored. */
export async function acceptMessage(
  req: Request,
  session: SessionRecord,
  { live, clientReplies, challenge }: AcceptOptions,
): Promise<void> {
  const { envelope, audit } = req;
  if (!envelope.message) return;
  const question =
    envelope.kind === 'response' && live.find(session.id)?.asks.get(String(envelope.message.id));
  if (question) requireScopes(req, question.scopes, challenge);
  const { scopes } = req.caller;
  const sent: ClientReply = { sessionId: session.id, scopes, message: envelope.message };
  const isFound = receiveReply(sent, live);
  if (isFound || envelope.method === 'notifications/initialized') return;
  await clientReplies.publish(sent); // another replica may run the call
  audit.note({ detail: { received: 'elsewhere or unknown' } });
}

/** Gives an answer or a cancellation to its call. Returns whether that call runs here. */
export function receiveReply({ sessionId, scopes, message: sent }: ClientReply, live: LiveSessions): boolean {
  const message = sent as JsonRpcMessage;
  const open = live.find(sessionId);
  if (message.method === 'notifications/cancelled') {
    const call = open?.calls.get(message.params?.['requestId'] as string);
    call?.cancel();
    return call !== undefined;
  }
  const question = message.method === undefined ? open?.asks.get(String(message.id)) : undefined;
  // The replica that received it could not know what the call needs: without those scopes the answer is ignored.
  if (question?.scopes.every((scope) => scopes?.includes(scope))) question.settle(message);
  return question !== undefined;
}
