/** Notifications of a call, in both eras. A client gets only those that it asked for. */
import type { Change } from '../../stores/types.js';
import { RefusedRequest } from '../../refusal.js';
import { type Call, INVALID_PARAMS, type Params } from './call.js';
import { LOG_LEVELS, type LogLevel, type Sent } from '../definitions/tool.js';

export type Notify = (method: string, params: Params) => Sent;

/** @param minimum read for each message; without a level nothing is sent */
export function logTo(notify: Notify, minimum: () => unknown): Call['log'] {
  return (level, data) => {
    const lowest = LOG_LEVELS.indexOf(minimum() as LogLevel);
    if (lowest === -1 || LOG_LEVELS.indexOf(level) < lowest) return;
    return notify('notifications/message', { level, data });
  };
}

/** Progress MUST increase with each notification (MCP, progress): drops those that do not. */
export function progressTo(notify: Notify, meta: unknown): Call['progress'] {
  const { progressToken } = (meta ?? {}) as Params;
  let highest = Number.NEGATIVE_INFINITY;
  return (progress, total, message) => {
    if (progressToken === undefined || !(progress > highest)) return;
    highest = progress;
    return notify('notifications/progress', { progressToken, progress, total, message });
  };
}

/** URIs that one session or stream may subscribe to: each change searches them all. */
export const MAX_SUBSCRIPTIONS = 1_000;
export const TOO_MANY_SUBSCRIPTIONS = `Too many subscriptions: ${MAX_SUBSCRIPTIONS} at most`;

/** @throws {RefusedRequest} `malformed_message` (`-32602`) */
export function requireFewSubscriptions(uris: unknown, id?: string | number): void {
  if (!Array.isArray(uris) || uris.length <= MAX_SUBSCRIPTIONS) return;
  throw new RefusedRequest('malformed_message', {
    rpcCode: INVALID_PARAMS,
    message: TOO_MANY_SUBSCRIPTIONS,
    ...(id !== undefined && { id }),
  });
}

/** The notification of a change. */
export function changeNotification(change: Change): { method: string; params?: Params } {
  if (change.kind !== 'resource') return { method: `notifications/${change.kind}/list_changed` };
  return { method: 'notifications/resources/updated', params: { uri: change.uri } };
}

/** Every change that concerns a client with these subscriptions: sent when changes may have been lost. */
export function allChanges(uris: readonly string[]): readonly Change[] {
  const lists = (['tools', 'prompts', 'resources'] as const).map((kind) => ({ kind }));
  return [...lists, ...uris.map((uri) => ({ kind: 'resource' as const, uri }))];
}
