/** A server of the bench, in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Question, Usage } from './servers/child.js';
import type { ServerOptions } from './servers/options.js';

const CHILD = fileURLToPath(new URL('servers/child.ts', import.meta.url));

export interface Server {
  readonly options: ServerOptions;
  readonly port: number;
  ask(question: 'cpu' | 'memory'): Promise<Usage>;
  layers(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

export async function startServer(options: ServerOptions, execArgv: readonly string[] = []): Promise<Server> {
  const child = fork(CHILD, { execArgv: ['--expose-gc', '--import', 'tsx', ...execArgv] });
  const port = (await ask(child, { start: options })) as number;
  return {
    options,
    port,
    ask: async (question) => (await ask(child, question)) as Usage,
    layers: async () => (await ask(child, 'layers')) as Readonly<Record<string, number>>,
    close: async () => {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

/** One question at a time. */
async function ask(child: ChildProcess, question: Question): Promise<unknown> {
  const answered = once(child, 'message');
  const exited = once(child, 'exit').then(() => Promise.reject(new Error('a server of the bench has died')));
  exited.catch(() => {}); // it does, in the end
  child.send(question);
  const [{ value, error }] = (await Promise.race([answered, exited])) as [
    { value?: unknown; error?: string },
  ];
  if (error !== undefined) throw new Error(error);
  return value;
}
