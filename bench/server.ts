/** A server of the bench, in a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Question, Usage } from './servers/child.js';
import type { ServerOptions } from './servers/options.js';

const CHILD = fileURLToPath(new URL('servers/child.ts', import.meta.url));

export interface Server {
  readonly port: number;
  ask(question: 'cpu' | 'memory'): Promise<Usage>;
  layers(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const heap = options.heapMiB === undefined ? [] : [`--max-old-space-size=${options.heapMiB}`];
  const child = fork(CHILD, { execArgv: [...heap, '--expose-gc', '--import', 'tsx'] });
  const exited = once(child, 'exit');
  const died = exited.then(() => Promise.reject(new Error('a server of the bench has died')));
  died.catch(() => {}); // in the end it may

  /** One question at a time. */
  const ask = async (question: Question): Promise<unknown> => {
    const answered = once(child, 'message');
    child.send(question);
    const [{ value, error }] = (await Promise.race([answered, died])) as [
      { value?: unknown; error?: string },
    ];
    if (error !== undefined) throw new Error(error);
    return value;
  };

  return {
    port: (await ask({ start: options })) as number,
    ask: async (question) => (await ask(question)) as Usage,
    layers: async () => (await ask('layers')) as Readonly<Record<string, number>>,
    close: async () => {
      child.disconnect();
      await exited;
    },
  };
}
