/** A call whose tool runs on after the answer, until its time to live is over. */
export interface TaskRecord {
  /** Unguessable. */
  readonly id: string;
  /** `callerKey` of the one caller who may use it. */
  readonly owner: string;
  /** The tool that is called. */
  readonly tool: string;
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number;
  readonly ttlMs: number;
  readonly lastUpdatedAt: number;
  readonly status: 'working' | 'completed' | 'failed' | 'cancelled';
  readonly statusMessage?: string;
  /** The result of a completed task, the JSON-RPC error of a failed one. */
  readonly outcome?: object;
  /** What the client was asked, by key. */
  readonly questions: Readonly<Record<string, unknown>>;
  readonly answers: Readonly<Record<string, unknown>>;
}

export type NewTask = Pick<TaskRecord, 'id' | 'owner' | 'tool' | 'createdAt' | 'ttlMs'>;
export type TaskChange = Partial<
  Pick<TaskRecord, 'status' | 'statusMessage' | 'outcome' | 'questions' | 'answers'>
>;

export interface TaskStore {
  /** Stores a task that this process runs; `false` when its owner has `maxPerOwner` already. */
  create(task: NewTask, maxPerOwner: number): Promise<boolean>;
  /** The live record, if it is of this owner. A task whose process died has failed. */
  get(id: string, owner: string): Promise<TaskRecord | undefined>;
  /**
   * Changes a task that works; `false` when it has ended or is gone. Questions and answers are added; of two answers to
   * one question the first counts, and an answer to what was not asked does not.
   */
  change(id: string, change: TaskChange): Promise<boolean>;
  /** Calls `listener` when the task may have changed, on whatever replica. Returns the way to stop. */
  watch(id: string, listener: () => void): () => void;
  close(): Promise<void>;
}

/** What a task says whose process died. */
export const TASK_LOST = {
  status: 'failed',
  statusMessage: 'The server that ran this task stopped',
  outcome: { code: -32603, message: 'The server that ran this task stopped' },
} as const;
