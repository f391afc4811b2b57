/** One call of a tool, as it happens. */
import { useRef, useState } from 'react';
import type { Message } from '../wire/json-rpc.js';
import { callAsTask } from '../wire/task.js';
import type { Connection } from './app.js';

export const LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
export type Level = (typeof LEVELS)[number];

export interface Entry {
  readonly key: number;
  readonly at: Date;
  /** `connection` and `task` are of this page, the rest the server's. */
  readonly level: Level | 'connection' | 'task';
  readonly text: string;
}

export interface Run {
  readonly state: 'idle' | 'running' | 'lost' | 'done' | 'failed';
  readonly progress?: { readonly done: number; readonly total: number | undefined; readonly message: string };
  /** The result as it came, or why there is none. */
  readonly outcome?: string;
}

const MAX_ENTRIES = 500;

export function useRun({ session, url, credential }: Connection) {
  const [run, setRun] = useState<Run>({ state: 'idle' });
  const [log, setLog] = useState<readonly Entry[]>([]);
  const cut = useRef(() => {});
  const next = useRef(0);

  const change = (part: Partial<Run>) => setRun((before) => ({ ...before, ...part }));
  const write = (level: Entry['level'], text: string) => {
    const entry = { key: next.current++, at: new Date(), level, text };
    setLog((before) => [...before, entry].slice(-MAX_ENTRIES));
  };
  const onMessage = ({ method, params = {} }: Message) => {
    if (method === 'notifications/message') write(params['level'] as Level, wordsOf(params['data']));
    if (method !== 'notifications/progress') return;
    const { progress, total, message } = params as { progress: number; total?: number; message?: string };
    change({ progress: { done: progress, total, message: message ?? '' } });
  };

  const call = (name: string, args: object) =>
    session.request(
      'tools/call',
      { name, arguments: args, _meta: { progressToken: `run-${next.current++}` } },
      {
        onMessage,
        onOpen: (cutIt) => {
          cut.current = cutIt;
        },
        onLost: (id) => {
          change({ state: 'lost' });
          write('connection', `Lost. The last event was ${id}`);
        },
        onResumed: (id) => {
          change({ state: 'running' });
          write('connection', `Resumed with Last-Event-ID: ${id}`);
        },
      },
    );
  const callTask = (name: string, args: object) =>
    callAsTask(url, credential, { name, arguments: args }, (status) => write('task', status));

  const start = async (name: string, args: object, asTask: boolean) => {
    setRun({ state: 'running' });
    setLog([]);
    try {
      const result = await (asTask ? callTask(name, args) : call(name, args));
      const state = result['isError'] === true ? 'failed' : 'done';
      change({ state, outcome: JSON.stringify(result['structuredContent'] ?? result['content'], null, 2) });
    } catch (error) {
      change({ state: 'failed', outcome: (error as Error).message });
    } finally {
      cut.current = () => {};
    }
  };

  return { run, log, start, loseConnection: () => cut.current() };
}

/** A log entry is a text, or an object with its text in `message`. */
function wordsOf(data: unknown): string {
  if (typeof data === 'string') return data;
  const { message, ...rest } = (data ?? {}) as Readonly<Record<string, unknown>>;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [message, ...details].filter(Boolean).join(' ');
}
