/** One call of a tool, as it happens. */
import { useRef, useState } from 'react';
import type { Message } from '../wire/json-rpc.js';
import type { Session } from '../wire/streamable-http.js';

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
  /** `connection` is of this page, the rest the server's. */
  readonly level: Level | 'connection';
  readonly text: string;
}

export interface Run {
  readonly state: 'idle' | 'running' | 'lost' | 'done' | 'failed';
  readonly progress?: { readonly done: number; readonly total: number | undefined; readonly message: string };
  /** The result as it came, or why there is none. */
  readonly outcome?: string;
}

const MAX_ENTRIES = 500;

export function useRun(session: Session) {
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

  const start = async (name: string, args: object) => {
    setRun({ state: 'running' });
    setLog([]);
    const params = { name, arguments: args, _meta: { progressToken: `run-${next.current++}` } };
    try {
      const result = await session.request('tools/call', params, {
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
      });
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
