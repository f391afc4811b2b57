/** Tells the messages of a server apart as they arrive: notifications, requests, and the answers to our own requests. */
import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCNotification,
} from '@modelcontextprotocol/client';
import type { Display, Tone } from './display.js';
import type { Task } from './follow-task.js';

/** @param onTask is told the handle, when a call became a task */
export function createMessageHandler(
  display: Display,
  onTask: (handle: Task) => void,
): (message: JSONRPCMessage) => void {
  return (message) => {
    if (isJSONRPCNotification(message)) return showNotification(message, display);
    if (isJSONRPCRequest(message)) return display.line(`request ${message.method}`, 'dim');
    if (isJSONRPCResultResponse(message) && message.result['resultType'] === 'task')
      return onTask(message.result as unknown as Task);
    // Anything else answers a request of ours: the call that waits for it shows it.
  };
}

/** A notification is a message without an id: nobody waits for it, so it is shown at once. */
function showNotification({ method, params = {} }: JSONRPCNotification, display: Display): void {
  if (method === 'notifications/message') {
    const level = String(params['level']);
    return display.line(`${level.padEnd(9)} ${describe(params['data'])}`, toneOf(level));
  }
  if (method === 'notifications/progress') {
    const { progress, total, message } = params as { progress?: number; total?: number; message?: string };
    return display.progress(Number(progress), total, message ?? '');
  }
  display.line(`${method} ${params['uri'] === undefined ? '' : describe(params['uri'])}`.trimEnd(), 'dim');
}

/** A log's data is any JSON: its message first, the rest behind it. */
function describe(data: unknown): string {
  if (typeof data === 'string') return data;
  if (typeof data !== 'object' || data === null || !('message' in data)) return JSON.stringify(data);
  const { message, ...rest } = data;
  const details = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [String(message), ...details].join(' ');
}

function toneOf(level: string): Tone {
  if (level === 'debug') return 'dim';
  if (level === 'info' || level === 'notice') return 'plain';
  return level === 'warning' ? 'warning' : 'error';
}
