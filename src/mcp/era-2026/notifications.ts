/** The notifications that go with one answer: only what this request asked for (MCP 2026-07-28, logging, progress). */
import type { Call } from '../call.js';
import { LOG_LEVELS, type LogLevel } from '../tool.js';
import type { Params } from './engine.js';

export type Send = (method: string, params: Params) => void;

export function requestNotifications(meta: Params, send: Send): Pick<Call, 'log' | 'progress'> {
  // Without a level in the request not one log notification may be sent.
  const minimum = LOG_LEVELS.indexOf(meta['io.modelcontextprotocol/logLevel'] as LogLevel);
  const progressToken = meta['progressToken'];
  let highest = Number.NEGATIVE_INFINITY;
  return {
    log(level, data) {
      if (minimum === -1 || LOG_LEVELS.indexOf(level) < minimum) return;
      send('notifications/message', { level, data });
    },
    progress(progress, total, message) {
      if (progressToken === undefined || !(progress > highest)) return; // it MUST increase
      highest = progress;
      send('notifications/progress', {
        progressToken,
        progress,
        ...(total !== undefined && { total }),
        ...(message !== undefined && { message }),
      });
    },
  };
}
