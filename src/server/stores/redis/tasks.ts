import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NewTask, TASK_LOST, type TaskChange, type TaskRecord, type TaskStore } from '../task-store.js';
import { type Connection, PREFIX } from './connection.js';
import type { Heartbeat } from './heartbeat.js';
import { CHANGE_TASK, TAKE_TASK } from './tasks-scripts.js';

/** How often watched tasks are looked at, for a message that was lost or a process that died. */
const LOOK_INTERVAL_MS = 1000;
/** A process without a heartbeat is looked at again, because after a pause of Redis every heartbeat has expired. */
const LOOK_AGAIN_MS = 1000;

export interface RedisTasksOptions {
  readonly connection: Connection;
  readonly heartbeat: Heartbeat;
}

/** Tasks that every replica can answer for; the one that runs a task is its `runner`. */
export function redisTasks({ connection, heartbeat }: RedisTasksOptions): TaskStore {
  const listeners = new Map<string, Set<() => void>>();
  const tell = (id: string) => listeners.get(id)?.forEach((listener) => listener());
  const lookAtAll = () => [...listeners.keys()].forEach(tell);
  const timer = setInterval(lookAtAll, LOOK_INTERVAL_MS).unref();

  const evaluate = (script: string, key: string, args: readonly string[]) =>
    connection.run((client) => client.eval(script, { keys: [key], arguments: [...args] }));
  const change = async (id: string, changes: TaskChange): Promise<boolean> => {
    const fields = { ...fieldsOf(changes), lastUpdatedAt: String(Date.now()) };
    const args = [channelOf(id), ...Object.entries(fields).flat()];
    return (await evaluate(CHANGE_TASK, taskKey(id), args)) === 1;
  };
  const isDead = async (runner: string) => (await heartbeat.deadOf([runner])).length > 0;
  const isLost = async (runner: string) => {
    if (runner === heartbeat.inbox || !(await isDead(runner))) return false;
    await sleep(LOOK_AGAIN_MS, undefined, { ref: false });
    return isDead(runner);
  };
  const read = (id: string): Promise<Fields> => connection.run((client) => client.hGetAll(taskKey(id)));

  return {
    async create(task, maxPerOwner) {
      const { id, owner, ttlMs } = task;
      if ((await evaluate(TAKE_TASK, ownerKey(owner), [id, maxPerOwner, ttlMs].map(String))) === 0)
        return false;
      const fields = { owner, task: JSON.stringify(task), runner: heartbeat.inbox, status: 'working' };
      await connection.run((client) =>
        client.multi().hSet(taskKey(id), fields).pExpire(taskKey(id), ttlMs).exec(),
      );
      return true;
    },
    async get(id, owner) {
      const fields = await read(id);
      if (fields['owner'] !== owner) return undefined;
      if (fields['status'] !== 'working' || !(await isLost(fields['runner'] ?? ''))) return recordOf(fields);
      await change(id, TASK_LOST);
      return recordOf(await read(id));
    },
    change,
    watch(id, listener) {
      const those = listeners.get(id) ?? new Set();
      listeners.set(id, those.add(listener));
      const { stop } = connection.subscribe(channelOf(id), listener);
      return () => {
        stop();
        those.delete(listener);
        if (those.size === 0) listeners.delete(id);
      };
    },
    async close() {
      clearInterval(timer);
      listeners.clear();
    },
  };
}

type Fields = Readonly<Record<string, string>>;

/** Keys of one task share a hash tag, so that they share a slot of a cluster. */
const taskKey = (id: string) => `${PREFIX}task:{${id}}`;
/** Says that the task changed, to the replicas that run or watch it. */
const channelOf = (id: string) => `${PREFIX}task-changed:${id}`;
const ownerKey = (owner: string) =>
  `${PREFIX}tasks:{${createHash('sha256').update(owner).digest('base64url')}}`;

function fieldsOf({ status, statusMessage, outcome, questions, answers }: TaskChange): Fields {
  return {
    ...(status !== undefined && { status }),
    ...(statusMessage !== undefined && { statusMessage }),
    ...(outcome !== undefined && { outcome: JSON.stringify(outcome) }),
    ...named('question:', questions),
    ...named('answer:', answers),
  };
}

function named(prefix: string, values: Readonly<Record<string, unknown>> = {}): Fields {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [prefix + key, JSON.stringify(value)]),
  );
}

function recordOf(fields: Fields): TaskRecord | undefined {
  const { task, status, statusMessage, outcome, lastUpdatedAt } = fields;
  if (task === undefined) return undefined;
  const fixed = JSON.parse(task) as NewTask;
  return {
    ...fixed,
    status: status as TaskRecord['status'],
    lastUpdatedAt: Number(lastUpdatedAt ?? fixed.createdAt),
    ...(statusMessage !== undefined && { statusMessage }),
    ...(outcome !== undefined && { outcome: JSON.parse(outcome) as object }),
    questions: under('question:', fields),
    answers: under('answer:', fields),
  };
}

function under(prefix: string, fields: Fields): Record<string, unknown> {
  const those = Object.entries(fields).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(
    those.map(([name, value]) => [name.slice(prefix.length), JSON.parse(value) as unknown]),
  );
}
