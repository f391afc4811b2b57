/** Does what docs/add-a-tool.md says, in its order and from its text, in a clone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Clone, cloneProject, JEST } from '../helpers/clone.js';
import { freePort } from '../helpers/free-port.js';
import { type Block, blocks, read } from '../helpers/pages.js';
import { shownFor } from './shell-blocks.js';

const PAGE = blocks(read('docs/add-a-tool.md'));
/** They run in terminals of their own until Ctrl-C; the first prints what it gets, the second when it serves. */
const LASTING = /^(?:node --eval|npm start)/;

/** The page replaces files that the tools of a clone use. */
const isFresh = readdirSync('src/tools').every((name) => /^(?:index\.ts|README\.md)$/.test(name));
const freshTest = isFresh ? test : test.skip;

let clone: Clone;
/** Instead of those of the page, on which something may listen here. */
let port: string;
let url = '';
let key = '';
/** Of the template's tests some that start the server, as a part and as a process, or look at what the page changed. */
const TOUCHED = [
  'architecture',
  'deploy/compose.test',
  'scripts/config-docs',
  'server/commands/doctor.test',
  'server/observe/telemetry-counts',
].map((name) => `test/${name}`);
/** What each command printed. */
const printed = new Map<string, string>();
const lasting: ChildProcess[] = [];

beforeAll(async () => {
  clone = cloneProject();
  port = String(await freePort());
});
afterAll(async () => {
  for (const child of lasting) await end(child);
  clone.remove();
});

/** With all that it started: npm starts a shell, and that the server. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  process.kill(-child.pid, 'SIGTERM');
  await once(child, 'close');
}

const filled = (text: string) =>
  text
    .replaceAll(/(?<=127\.0\.0\.1:|listen\()4000/g, port)
    .replace('http://127.0.0.1:3000/mcp', url)
    .replace('KEY', key);

function start(command: string): ChildProcess {
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
}

async function run(command: string): Promise<void> {
  const child = start(command);
  if (LASTING.test(command)) {
    lasting.push(child);
    if (command === 'npm start\n') await readGreeting(command, child);
    return;
  }
  const [code] = (await once(child, 'close')) as [number];
  expect({ command, code, printed: code === 0 ? '' : printed.get(command) }).toEqual({
    command,
    code: 0,
    printed: '',
  });
}

async function readGreeting(command: string, child: ChildProcess): Promise<void> {
  const ended = once(child, 'close');
  while (key === '') {
    await Promise.race([once(child, 'printed'), ended]);
    const text = printed.get(command) ?? '';
    if (child.exitCode !== null) throw new Error(`the server ended: ${text}`);
    url = /^Serving MCP on (\S+)$/m.exec(text)?.[1] ?? '';
    key = /^ {2}(mcp_\S+)$/m.exec(text)?.[1] ?? '';
  }
}

async function follow({ language, path, text }: Block): Promise<void> {
  if (language === 'sh') return run(text);
  mkdirSync(dirname(join(clone.folder, path)), { recursive: true });
  writeFileSync(join(clone.folder, path), filled(text));
}

freshTest(
  'followed from top to bottom the page ends with a tool that was checked, tested and called',
  async () => {
    expect(PAGE.filter(({ path, language }) => path === '' && language !== 'sh')).toEqual([]);
    for (const block of PAGE) await follow(block);

    const commands = shownFor('docs/add-a-tool').map(({ text }) => text);
    expect([...printed.keys()]).toEqual(commands);
    const said = (start: string) =>
      printed.get(commands.find((command) => command.startsWith(start)) ?? '') ?? '';
    expect(said('npm run format')).toMatch(/^Tests: +2 passed, 2 total$/m);
    expect(said('npm run client')).toContain('"sent": 1');
    expect(said('node --eval')).toBe('{"reader":"A0001","text":"Your books are due this week."}');
    expect(clone.read('.env.example')).toContain('#REMINDER_URL=');
  },
  240_000,
);

freshTest(
  'the tests of the template pass with the settings of the page',
  () => {
    expect(() => clone.node(...JEST, ...TOUCHED)).not.toThrow();
  },
  240_000,
);
