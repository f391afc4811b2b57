/**
 * Runs a call as a task. Its answer is a handle; what the tool says, asks and returns goes to the record in the store, and
 * what the client says comes back from there, by whatever replica it came.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { callerKey } from '../../../identity/caller.js';
import { RefusedRequest } from '../../../refusal.js';
import { StoreUnavailable } from '../../../stores/types.js';
import { type TaskChange } from '../../../stores/task-store.js';
import { type Call, Cancellation, INTERNAL_ERROR, internalError } from '../../calls/call.js';
import { capabilityOf, isAnswer, isByUrl } from '../../calls/client-questions.js';
import { type AskRequest, MissingCapability, ToolError } from '../../definitions/tool.js';
import { hasAnswerShape } from '../../era-2026/engine.js';
import type { ExtensionParts } from '../extension.js';
import { shownTask } from './shown-task.js';

/** How long a task is kept. Its tool may run for as long. */
const TTL_MS = 3_600_000;
const MAX_TASKS_PER_CALLER = 100;
/** Progress is written at most this often, and an end that the store did not take is tried again. */
const WRITE_INTERVAL_MS = 500;

const STOPPED = 'The server was stopped before the task was done';
const WITHDRAWN = 'The credential that started the task was withdrawn';

export function createTaskRunner(parts: ExtensionParts) {
  const { tasks } = parts.stores;
  /** By id: the running task, and how to end it. */
  const running = new Map<string, { readonly done: Promise<void>; readonly stop: () => Promise<void> }>();

  const asTask: NonNullable<Call['asTask']> = async ({ definition }, call, run) => {
    const createdAt = Date.now();
    const id = randomBytes(24).toString('base64url');
    const task = { id, owner: callerKey(call.caller), tool: definition.name, createdAt, ttlMs: TTL_MS };
    if (!(await tasks.create(task, MAX_TASKS_PER_CALLER))) {
      const message = `Too many tasks: ${MAX_TASKS_PER_CALLER} at most, each kept for an hour`;
      throw new RefusedRequest('rate_limited', {
        detail: { limit: 'tasks' },
        headers: { 'Retry-After': '60' },
        message,
      });
    }
    call.audit.note({ 'mcp.task': parts.audit.taskDigest(id) });
    const started = runTask(id, definition.name, call, run, parts);
    running.set(id, started);
    void started.done.finally(() => running.delete(id));
    const fresh = {
      ...task,
      lastUpdatedAt: createdAt,
      status: 'working',
      questions: {},
      answers: {},
    } as const;
    return { resultType: 'task', ...shownTask(fresh) };
  };

  return {
    asTask,
    drain: async () => {
      while (running.size > 0) await Promise.all([...running.values()].map(({ done }) => done));
    },
    close: async () => void (await Promise.all([...running.values()].map(({ stop }) => stop()))),
  };
}

function runTask(
  id: string,
  tool: string,
  call: Call,
  run: (call: Call) => Promise<object>,
  { stores: { tasks }, audit, logger }: ExtensionParts,
) {
  const { caller, requestId } = call;
  const owner = callerKey(caller);
  const trail = audit.trail(requestId, {
    'mcp.method.name': 'tools/call', // no era: metrics have counted the call
    'gen_ai.tool.name': tool,
    'mcp.task': audit.taskDigest(id),
    caller: { ...caller },
    decision: 'allow',
  });
  const cancellation = new Cancellation();
  const questions = createQuestions(call, (key, question) => change({ questions: { [key]: question } }));
  const change = (what: TaskChange) => tasks.change(id, what);
  /** Another replica may have taken the answers, or ended the task. */
  const look = async () => {
    const record = await tasks.get(id, owner);
    if (record?.status === 'working') return questions.take(record.answers);
    cancellation.cancel();
  };
  const stopWatching = tasks.watch(id, () => void look().catch(() => {})); // while the store is away; the next look finds it
  const progress = createProgress((statusMessage) => change({ statusMessage }));
  /** The store may be away: a task that has ended must not work for ever. */
  let isStopped = false;
  const write = async (what: TaskChange): Promise<void> => {
    for (;;) {
      if (isStopped) return;
      try {
        return void (await change(what));
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        await sleep(WRITE_INTERVAL_MS, undefined, { ref: false });
      }
    }
  };
  const end = async (what: TaskChange): Promise<void> => {
    if (!cancellation.isCancelled) await write(what);
  };
  let withdrawing: Promise<void> | undefined;
  const stopCredential = call.watchCredential?.((standing) => {
    if (standing !== 'withdrawn') return; // a task may outlive its token
    cancellation.cancel();
    withdrawing = write(failed(WITHDRAWN)).catch((err: unknown) =>
      logger.error({ err, requestId }, WITHDRAWN),
    );
  });

  const work = async () => {
    try {
      const { ask } = questions;
      const way = { log: () => {}, progress: progress.note, ask, timeoutMs: TTL_MS, cancellation };
      const { caller, canAsk, audit } = call;
      const outcome = await run({ caller, requestId, canAsk, audit, ...way });
      await end({ status: 'completed', outcome });
    } catch (error) {
      const outcome = toError(error, call);
      if (outcome.code === INTERNAL_ERROR && !(error instanceof RefusedRequest))
        logger.error({ err: error, requestId }, 'a task failed');
      await end({ status: 'failed', statusMessage: outcome.message, outcome });
    } finally {
      stopWatching();
      stopCredential?.();
      await withdrawing;
      const ended = await tasks.get(id, owner).catch(() => undefined);
      trail.end({
        ...(withdrawing && { reason: 'credentials_invalid' }),
        detail: { task: ended?.status ?? 'unknown' },
      });
    }
  };
  const done = work();
  return {
    done,
    stop: async () => {
      isStopped = true;
      await change(failed(STOPPED)).catch(() => {}); // then other replicas find it lost
      cancellation.cancel();
      await done;
    },
  };
}

function failed(statusMessage: string): TaskChange {
  return { status: 'failed', statusMessage, outcome: { code: INTERNAL_ERROR, message: statusMessage } };
}

/** The JSON-RPC error that the call would have been answered with. */
function toError(error: unknown, { requestId }: Call): { code: number; message: string; data?: object } {
  if (error instanceof RefusedRequest) return { code: error.rpcCode, message: error.message };
  if (error instanceof MissingCapability) {
    return { code: -32021, message: error.message, data: { requiredCapabilities: error.required } };
  }
  const { code, message } = internalError(requestId);
  return { code, message };
}

/** Of messages that come faster than they can be written, the newest is. */
function createProgress(write: (message: string) => Promise<unknown>) {
  let next: string | undefined;
  let isWriting = false;
  const writeAll = async () => {
    isWriting = true;
    while (next !== undefined) {
      const message = next;
      next = undefined;
      await write(message).catch(() => {}); // while the store is away
      await sleep(WRITE_INTERVAL_MS, undefined, { ref: false });
    }
    isWriting = false;
  };
  const note: Call['progress'] = (done, total, message) => {
    next = message ?? (total === undefined ? `${done}` : `${done}/${total}`);
    if (!isWriting) void writeAll();
  };
  return { note };
}

/** The questions of a task. A key names one question for good (SEP-2663): another one under it gets a key of its own. */
function createQuestions(call: Call, put: (key: string, question: AskRequest) => Promise<boolean>) {
  const waiting = new Map<string, (answer: unknown) => void>();
  const asked = new Set<string>();
  const freeKey = (key: string) => {
    let free = key;
    for (let n = 2; asked.has(free); n++) free = `${key}-${n}`;
    asked.add(free);
    return free;
  };

  /** @throws {MissingCapability} @throws {ToolError} for an answer that does not fit */
  const ask: Call['ask'] = async (key, request) => {
    const mode = isByUrl(request) ? 'url' : undefined;
    if (!call.canAsk(request.method, mode)) throw new MissingCapability(capabilityOf(request.method), mode);
    const given = call.given?.(key, request); // before there was a task
    if (given !== undefined) return given;
    const own = freeKey(key);
    const answered = new Promise((resolve) => waiting.set(own, resolve));
    await put(own, request);
    const answer = await answered;
    if (!isAnswer(request, answer, hasAnswerShape))
      throw new ToolError('The answer of the client is not valid');
    return answer;
  };
  const take = (answers: Readonly<Record<string, unknown>>) => {
    for (const [key, answer] of Object.entries(answers)) {
      waiting.get(key)?.(answer);
      waiting.delete(key);
    }
  };
  return { ask, take };
}
