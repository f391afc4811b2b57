/** Does what a page says, in its order and from its text, in a clone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clone, cloneProject } from '../helpers/clone.js';
import { freePort } from '../helpers/free-port.js';
import { type Block, blocks, read } from '../helpers/pages.js';

/** They run in terminals of their own until Ctrl-C; the first prints what it gets, the second when it serves. */
const LASTING = /^(?:node --eval|npm start)/;

export interface Followed {
  readonly clone: Clone;
  /** What each command printed. */
  readonly printed: ReadonlyMap<string, string>;
  /** @throws when a command fails */
  follow(block: Block): Promise<void>;
  close(): Promise<void>;
}

export const blocksOf = (page: string): readonly Block[] => blocks(read(page));

export async function openClone(): Promise<Followed> {
  const clone = cloneProject();
  const port = String(await freePort()); // something may listen on the one of the page
  const printed = new Map<string, string>();
  const lasting: ChildProcess[] = [];
  let url = '';
  let key = '';

  const filled = (text: string) =>
    text
      .replaceAll(/(?<=127\.0\.0\.1:|listen\()4000/g, port)
      .replace('http://127.0.0.1:3000/mcp', url)
      .replace('KEY', key);

  const start = (command: string): ChildProcess => {
    const { PATH = '' } = process.env;
    const env = { PATH, HOME: clone.folder, PORT: '0', ADMIN_PORT: '0' };
    const child = spawn('sh', ['-euc', filled(command)], { cwd: clone.folder, env, detached: true });
    printed.set(command, '');
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed.set(command, `${printed.get(command)}${text}`);
        child.emit('printed');
      });
    return child;
  };

  const readGreeting = async (command: string, child: ChildProcess): Promise<void> => {
    const ended = once(child, 'close');
    while (key === '') {
      await Promise.race([once(child, 'printed'), ended]);
      const text = printed.get(command) ?? '';
      if (child.exitCode !== null) throw new Error(`the server ended: ${text}`);
      url = /^Serving MCP on (\S+)$/m.exec(text)?.[1] ?? '';
      key = /^ {2}(mcp_\S+)$/m.exec(text)?.[1] ?? '';
    }
  };

  const run = async (command: string): Promise<void> => {
    const child = start(command);
    if (LASTING.test(command)) {
      lasting.push(child);
      if (command === 'npm start\n') await readGreeting(command, child);
      return;
    }
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${printed.get(command)}`);
  };

  return {
    clone,
    printed,
    async follow({ language, path, text }) {
      if (language === 'sh') return run(text);
      mkdirSync(dirname(join(clone.folder, path)), { recursive: true });
      writeFileSync(join(clone.folder, path), filled(text));
    },
    async close() {
      for (const child of lasting) await end(child);
      clone.remove();
    },
  };
}

/** With all that it started: npm starts a shell, and that the server. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  process.kill(-child.pid, 'SIGTERM');
  await once(child, 'close');
}
