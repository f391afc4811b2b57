/** What a client says of its tasks, and what it is told: of its own, with the rights that the call of the tool needs. */
import { type Caller, callerKey } from '../../../identity/caller.js';
import { RefusedRequest } from '../../../refusal.js';
import type { TaskRecord } from '../../../stores/task-store.js';
import { type Call, INVALID_PARAMS, type Params, RpcError } from '../../calls/call.js';
import { requireFewSubscriptions } from '../../calls/notifications.js';
import { missingScopes } from '../../definitions/scopes.js';
import type { ExtensionParts, Listening, OpenExtension } from '../extension.js';
import { detailedTask, POLL_INTERVAL_MS } from './shown-task.js';

/** Three times as often as `pollIntervalMs` says: a few early looks are nobody's fault. */
const POLLS = { points: 30, windowMs: 10 * POLL_INTERVAL_MS };

export function createTaskMethods({
  stores,
  catalog,
  challenge,
  audit,
}: ExtensionParts): OpenExtension['methods'] {
  const { tasks } = stores;
  const polls = stores.rateLimits.limiter('task-polls', POLLS);

  /** @throws {RpcError} `-32602`, alike for an unknown, expired and foreign task @throws {RefusedRequest} `insufficient_scope` */
  const find = async ({ taskId }: Params, call: Call): Promise<TaskRecord> => {
    const { caller } = call;
    if (typeof taskId !== 'string') throw new RpcError(INVALID_PARAMS, 'Invalid params');
    call.audit.note({ 'mcp.task': audit.taskDigest(taskId) });
    const task = await tasks.get(taskId, callerKey(caller));
    if (!task) throw new RpcError(INVALID_PARAMS, 'Task not found');
    const scopes = catalog.tools.get(task.tool)?.scopes ?? catalog.requiredScopes;
    const missing = missingScopes(caller, { scopes });
    if (missing.length === 0) return task;
    const headers = challenge('insufficient_scope', scopes);
    throw new RefusedRequest('insufficient_scope', { detail: { missing }, headers });
  };

  return {
    'tasks/get': async (params, call) => {
      const task = await find(params, call);
      const { allowed, resetMs } = await polls.consume(task.id);
      if (allowed) return detailedTask(task);
      throw new RefusedRequest('rate_limited', {
        detail: { limit: 'task-polls' },
        headers: { 'Retry-After': String(Math.max(1, Math.ceil(resetMs / 1000))) },
        message: `Too many requests: ask for this task every ${POLL_INTERVAL_MS} ms`,
      });
    },
    'tasks/update': async (params, call) => {
      const { id, questions } = await find(params, call);
      const { inputResponses } = params;
      if (typeof inputResponses !== 'object' || inputResponses === null)
        throw new RpcError(INVALID_PARAMS, 'Invalid params');
      // What was not asked is ignored (SEP-2663, SHOULD).
      const answers = Object.entries(inputResponses).filter(([key]) => Object.hasOwn(questions, key));
      if (answers.length > 0) await tasks.change(id, { answers: Object.fromEntries(answers) });
      return {};
    },
    'tasks/cancel': async (params, call) => {
      const { id } = await find(params, call);
      await tasks.change(id, { status: 'cancelled', statusMessage: 'Cancelled by its client' });
      return {};
    },
  };
}

/** `notifications/tasks`: the state of each task, now and whenever it changes. */
export function createTaskListener({ stores: { tasks }, catalog }: ExtensionParts) {
  const mayRead = (caller: Caller) => async (id: string) => {
    const task = await tasks.get(id, callerKey(caller));
    const scopes = catalog.tools.get(task?.tool ?? '')?.scopes ?? catalog.requiredScopes;
    return task && missingScopes(caller, { scopes }).length === 0 ? [id] : [];
  };

  return async ({ taskIds }: Params, caller: Caller): Promise<Listening | undefined> => {
    if (taskIds === undefined) return undefined;
    const isList = Array.isArray(taskIds) && taskIds.every((id) => typeof id === 'string');
    if (!isList)
      throw new RefusedRequest('malformed_message', { rpcCode: INVALID_PARAMS, message: 'Invalid params' });
    requireFewSubscriptions(taskIds);
    const ids = (await Promise.all([...new Set(taskIds)].map(mayRead(caller)))).flat();
    return {
      honoured: ids.length > 0 ? { taskIds: ids } : {},
      start: (send) => {
        const stops = ids.map((id) => follow(id, caller, send));
        return () => stops.forEach((stop) => stop());
      },
    };
  };

  function follow(id: string, caller: Caller, send: (method: string, params: Params) => void): () => void {
    let told = '';
    let isOver = false;
    const tell = async () => {
      const task = await tasks.get(id, callerKey(caller));
      if (!task || isOver) return;
      const detailed = detailedTask(task);
      const now = JSON.stringify(detailed);
      if (now === told) return;
      told = now;
      send('notifications/tasks', detailed);
    };
    const look = () => void tell().catch(() => {}); // while the store is away
    const stop = tasks.watch(id, look);
    look();
    return () => {
      isOver = true;
      stop();
    };
  }
}
