/** Follows a task to its end (SEP-2663). The SDK does not know tasks yet: these requests are written by hand. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CallToolResult, type ElicitRequest, ProtocolError } from '@modelcontextprotocol/client';
import type { createAnswerer } from './ask-user.js';
import type { Display } from './display.js';

export const TASKS = 'io.modelcontextprotocol/tasks';

/** What a call is answered with, and `tasks/get` after that. */
export interface Task {
  readonly taskId: string;
  readonly status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  readonly statusMessage?: string;
  readonly pollIntervalMs?: number;
  readonly inputRequests?: Readonly<Record<string, ElicitRequest>>;
  readonly result?: CallToolResult;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

const DEFAULT_POLL_INTERVAL_MS = 1000;

export interface TaskParams {
  readonly taskId: string;
  readonly inputResponses?: Readonly<Record<string, unknown>>;
}

export interface FollowOptions {
  /** Sends one request of the 2026 era and answers with its result. */
  readonly send: (method: string, params: TaskParams) => Promise<object>;
  readonly answer: ReturnType<typeof createAnswerer>;
  readonly display: Display;
  /** Cancels the task. */
  readonly signal: AbortSignal;
}

/** @throws {ProtocolError} when the task failed or was cancelled */
export async function followTask(handle: Task, options: FollowOptions): Promise<CallToolResult> {
  const { send, display, signal } = options;
  const { taskId } = handle;
  const answered = new Set<string>();
  let shown = '';
  for (let task = handle; ; task = (await send('tasks/get', { taskId })) as Task) {
    const { status, statusMessage, result, error, pollIntervalMs = DEFAULT_POLL_INTERVAL_MS } = task;
    const line = `task ${status} ${statusMessage ?? ''}`.trimEnd();
    if (line !== shown) display.line(line, 'dim');
    shown = line;
    if (status === 'completed' && result) return result;
    if (error) throw new ProtocolError(error.code, error.message, error.data);
    if (status === 'cancelled') throw new ProtocolError(-32603, statusMessage ?? 'The task was cancelled');
    if (await answerAll(task, answered, options)) continue;
    await sleep(pollIntervalMs, undefined, { signal }).catch(async (reason: unknown) => {
      await send('tasks/cancel', { taskId });
      throw reason;
    });
  }
}

/** @returns whether there was something to answer */
async function answerAll(
  task: Task,
  answered: Set<string>,
  { send, answer }: FollowOptions,
): Promise<boolean> {
  const { taskId, inputRequests = {} } = task;
  const open = Object.entries(inputRequests).filter(([key]) => !answered.has(key));
  for (const [key, request] of open) {
    answered.add(key);
    const inputResponses = { [key]: await answer(request) };
    await send('tasks/update', { taskId, inputResponses });
  }
  return open.length > 0;
}
