import type { Params } from '../../calls/call.js';
import type { TaskRecord } from '../../../stores/task-store.js';

/** How often a client should ask. */
export const POLL_INTERVAL_MS = 1000;

/** What the client was asked and has not answered. */
function openQuestions({ questions, answers }: TaskRecord): Params {
  return Object.fromEntries(Object.entries(questions).filter(([key]) => !Object.hasOwn(answers, key)));
}

/** SEP-2663 `Task`: a handle without the result. */
export function shownTask(record: Omit<TaskRecord, 'owner' | 'tool'>): Params {
  const { id: taskId, status, statusMessage, createdAt, lastUpdatedAt, ttlMs } = record;
  return {
    taskId,
    status,
    ...(statusMessage !== undefined && { statusMessage }),
    createdAt: new Date(createdAt).toISOString(),
    lastUpdatedAt: new Date(lastUpdatedAt).toISOString(),
    ttlMs,
    pollIntervalMs: POLL_INTERVAL_MS,
  };
}

/** SEP-2663 `DetailedTask`: with what its status brings. */
export function detailedTask(record: TaskRecord): Params {
  const shown = shownTask(record);
  if (record.status === 'completed') return { ...shown, result: record.outcome };
  if (record.status === 'failed') return { ...shown, error: record.outcome };
  const inputRequests = openQuestions(record);
  if (record.status === 'cancelled' || Object.keys(inputRequests).length === 0) return shown;
  return { ...shown, status: 'input_required', inputRequests };
}
