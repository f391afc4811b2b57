/** Every snippet of `npm run connect` is read as its client reads it, and what it says is used on a real server. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { cwd } from 'node:process';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ConnectClient, KEY_VARIABLE } from '../../scripts/connect/client.js';
import { CLIENTS, generatedFiles, ownProcess, targetAt } from '../../scripts/connect/page.js';
import { serve, type Served } from '../helpers/serve.js';

let server: Served;
beforeAll(async () => {
  server = await serve({ tools: [], resources: [], prompts: [] }, []);
});
afterAll(() => server.close());

interface Connection {
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}
type Entry = Readonly<Record<'url' | 'serverUrl' | 'httpUrl', string | undefined>> & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
};
type File = Readonly<Record<'mcpServers' | 'servers', Readonly<Record<string, Entry>> | undefined>>;

const URL_KEYS: Readonly<Record<string, 'serverUrl' | 'httpUrl'>> = {
  windsurf: 'serverUrl',
  gemini: 'httpUrl',
};

/** What a shell makes of the words; the programs are not run. */
function words(command: string): readonly string[] {
  const script = `claude() { printf '%s\\n' "$@"; }; npx() { claude "$@"; }; ${command}`;
  const env = { PATH: process.env['PATH'], [KEY_VARIABLE]: server.key };
  return execFileSync('sh', ['-c', script], { encoding: 'utf8', env }).trimEnd().split('\n');
}

function fromArguments(args: readonly string[]): Connection {
  const at = args.indexOf('--header') + 1;
  const [name = '', value = ''] = at === 0 ? [] : (args[at] ?? '').split(/: ?/);
  return { url: args.find((arg) => URL.canParse(arg)), headers: at === 0 ? {} : { [name]: value } };
}

function fromJson({ id }: ConnectClient, snippet: string): Connection {
  const file = JSON.parse(snippet) as File;
  const outer = id === 'vscode' ? file.servers : file.mcpServers;
  const entry = outer?.[targetAt('').name];
  if (entry?.args) return fromArguments(entry.args);
  return { url: entry?.[URL_KEYS[id] ?? 'url'], headers: entry?.headers ?? {} };
}

function fromToml(snippet: string): Connection {
  const value = (key: string) => new RegExp(`^${key} = "(.+)"$`, 'm').exec(snippet)?.[1];
  expect(snippet).toMatch(/^\[mcp_servers\.[\w-]+\]\n/);
  const variable = value('bearer_token_env_var');
  return { url: value('url'), headers: variable ? { Authorization: `Bearer \${${variable}}` } : {} };
}

function read(client: ConnectClient, kind: 'apiKey' | 'oauth'): Connection {
  const { language, text: snippet } = client[kind](targetAt(server.url.href));
  expect(snippet).not.toContain(server.key);
  if (language === 'sh') return fromArguments(words(snippet));
  return language === 'json' ? fromJson(client, snippet) : fromToml(snippet);
}

/** Each client has its own way to name a variable, or an input. */
const filled = (headers: Connection['headers']) => {
  const forms = /\$\{(?:env:)?MCP_API_KEY\}|\$MCP_API_KEY|\$\{input:mcp-api-key\}/;
  return Object.entries(headers).map(([name, value]) => [name, value.replace(forms, server.key)]);
};

const initialize = (headers: object) =>
  fetch(server.url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
  });

const OTHERS = CLIENTS.filter(({ id }) => id !== 'curl').map((client) => [client.id, client] as const);

test.each(OTHERS)('what %s is given names the server, and its key opens it', async (_id, client) => {
  const { url, headers } = read(client, 'apiKey');

  expect(url).toBe(server.url.href);
  expect((await initialize(Object.fromEntries(filled(headers)))).status).toBe(200);
  expect((await initialize(headers)).status).toBe(Object.values(headers).includes(server.key) ? 200 : 401);
});

test.each(OTHERS)('for OAuth %s is given no header, for it would get in the way', (_id, client) => {
  expect(read(client, 'oauth')).toEqual({ url: server.url.href, headers: {} });
});

const hasCurl = spawnSync('curl', ['--version']).status === 0 || process.env['REQUIRE_ALL'] === '1';
(hasCurl ? test : test.skip)('the curl command works when pasted (needs curl)', async () => {
  const curl = CLIENTS.find(({ id }) => id === 'curl');
  const paste = async (kind: 'apiKey' | 'oauth', env: object) => {
    const command = curl?.[kind](targetAt(server.url.href)).text ?? '';
    const child = spawn('sh', ['-c', command], { env: { PATH: process.env['PATH'], ...env }, stdio: 'pipe' });
    const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return { status: Number(status), stdout };
  };

  for (const answer of [
    paste('apiKey', { [KEY_VARIABLE]: server.key }),
    paste('oauth', { TOKEN: server.key }),
  ]) {
    const { status, stdout } = await answer;
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id: 1, result: { tools: [], resultType: 'complete' } });
  }
  expect((await paste('apiKey', {})).status).not.toBe(0);
});

test('a URL cannot end the word it stands in', () => {
  const hostile = new URL("http://127.0.0.1:3000/mcp?a=$(id)&b='`;").href;
  for (const client of CLIENTS.filter(({ id }) => ['claude-code', 'inspector', 'mcp-remote'].includes(id)))
    expect(fromArguments(words(client.oauth(targetAt(hostile)).text)).url).toBe(hostile);
});

const BY_PROCESS = CLIENTS.flatMap(({ id, stdio }) => (stdio ? [[id, stdio] as const] : []));

test('every client that can start a process has an entry for stdio', () => {
  expect(CLIENTS.filter(({ stdio }) => !stdio).map(({ id }) => id)).toEqual(['mcp-remote', 'curl']);
});

test.each(BY_PROCESS)(
  '%s starts the server by paths that hold in any folder, spaces and all',
  (id, stdio) => {
    const process = { name: 'it', command: '/opt/my node/node', args: ['/home/a b/dist/stdio.js'] };
    const { language, text: snippet } = stdio(process);
    const started = () => {
      if (language === 'sh') return words(snippet).filter((word) => word.startsWith('/'));
      if (language === 'toml')
        return [...snippet.matchAll(/^(?:command|args) = (.+)$/gm)].flatMap(([, value = '']) =>
          JSON.parse(value),
        );
      const file = JSON.parse(snippet);
      const { command, args } = (id === 'vscode' ? file.servers : file.mcpServers)['it'];
      return [command, ...args];
    };

    expect(started()).toEqual([process.command, ...process.args]);
    expect(ownProcess().args).toEqual([join(cwd(), 'dist/stdio.js')]);
    expect(isAbsolute(ownProcess().command)).toBe(true);
  },
);

test.each([...generatedFiles()])('%s is what `npm run docs:clients` writes', (path, content) => {
  expect(readFileSync(path, 'utf8')).toBe(content);
});

test('server.json has what the registry asks for', () => {
  const file = JSON.parse(generatedFiles().get('server.json') ?? '') as Record<string, string>;

  expect(file).toMatchObject({
    $schema: expect.stringMatching(/\/server\.schema\.json$/),
    name: expect.stringMatching(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    remotes: [{ type: 'streamable-http', url: expect.stringMatching(/^https:/) }],
  });
  expect(file['description']?.length).toBeLessThanOrEqual(100);
});

describe('the command', () => {
  const connect = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'scripts/connect.ts', ...args], { encoding: 'utf8' });

  test('prints a snippet for the URL that it is given, on stdout', () => {
    const { status, stdout } = connect('windsurf', '--url', 'https://mcp.example.com/mcp');

    expect(stdout).toContain(JSON.stringify(ownProcess().args[0]));
    expect([status, stdout]).toEqual([
      0,
      expect.stringContaining('"serverUrl": "https://mcp.example.com/mcp"'),
    ]);
  });

  test('explains itself, and ends with 64 for what makes no sense', () => {
    const [help, unknown, url] = [connect('--help'), connect('nobody'), connect('curl', '--url', 'ftp://x')];

    expect([help.status, help.stdout]).toEqual([0, expect.stringContaining('claude-desktop')]);
    expect([unknown.status, unknown.stdout, url.status, url.stdout]).toEqual([64, '', 64, '']);
    expect(unknown.stderr).toContain('name one of the clients');
  });
});
