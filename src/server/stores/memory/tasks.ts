import { StoreUnavailable } from '../types.js';
import { type NewTask, type TaskChange, type TaskRecord, type TaskStore } from '../task-store.js';

const MAX_TOTAL_CHARS = 128 * 1024 * 1024; // or less, as the heap allows
/** The memory that a record takes besides its texts. */
const RECORD_CHARS = 1024;

interface Task {
  record: TaskRecord;
  chars: number;
  readonly expiry: NodeJS.Timeout;
}

/** Tasks of this process alone: they end with it. */
export function memoryTasks(maxChars = Infinity): TaskStore {
  return new MemoryTasks(Math.min(maxChars, MAX_TOTAL_CHARS));
}

class MemoryTasks implements TaskStore {
  readonly #tasks = new Map<string, Task>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #chars = 0;

  constructor(private readonly maxChars: number) {}

  async create(task: NewTask, maxPerOwner: number): Promise<boolean> {
    const own = [...this.#tasks.values()].filter(({ record }) => record.owner === task.owner);
    if (own.length >= maxPerOwner) return false;
    this.#take(RECORD_CHARS);
    const fresh = { status: 'working', lastUpdatedAt: task.createdAt, questions: {}, answers: {} } as const;
    const expiry = setTimeout(() => this.#forget(task.id), task.ttlMs).unref();
    this.#tasks.set(task.id, { record: { ...task, ...fresh }, chars: RECORD_CHARS, expiry });
    return true;
  }

  async get(id: string, owner: string): Promise<TaskRecord | undefined> {
    const record = this.#tasks.get(id)?.record;
    return record?.owner === owner ? record : undefined;
  }

  async change(id: string, { questions, answers, ...change }: TaskChange): Promise<boolean> {
    const task = this.#tasks.get(id);
    if (task?.record.status !== 'working') return false;
    const { record } = task;
    const wanted = Object.entries(answers ?? {}).filter(([key]) => Object.hasOwn(record.questions, key));
    const changed: TaskRecord = {
      ...record,
      ...change,
      lastUpdatedAt: Date.now(),
      questions: { ...record.questions, ...questions },
      answers: { ...Object.fromEntries(wanted), ...record.answers },
    };
    const chars = RECORD_CHARS + JSON.stringify(changed).length; // what is replaced or ignored takes no room
    this.#take(chars - task.chars);
    Object.assign(task, { record: changed, chars });
    this.#tell(id);
    return true;
  }

  watch(id: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(id);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    [...this.#tasks.keys()].forEach((id) => this.#forget(id));
  }

  #take(chars: number): void {
    if (this.#chars + chars > this.maxChars) throw new StoreUnavailable('tasks take too much memory');
    this.#chars += chars;
  }

  #forget(id: string): void {
    const task = this.#tasks.get(id);
    if (!task) return;
    clearTimeout(task.expiry);
    this.#tasks.delete(id);
    this.#chars -= task.chars;
    this.#tell(id);
  }

  #tell(id: string): void {
    for (const listener of this.#listeners.get(id) ?? []) listener();
  }
}
