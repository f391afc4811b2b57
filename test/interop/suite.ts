/** The clients: their installation, their runs, and what they say. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { nodeForSuite } from '../conformance/suite.js';
import type { AuthorizationServer } from '../helpers/authorization-server.js';
import { type InteropServer, KNOWN_CLIENT } from './server.js';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const RUN_LIMIT_MS = 60_000;

export const WAYS = ['key', 'token', 'oauth'] as const;
export type Way = (typeof WAYS)[number];

/** What a client does besides, tried with a key; `step-up` by OAuth. */
export type Feature = 'resources' | 'prompts' | 'completion' | 'elicitation' | 'cancellation' | 'step-up';

export interface InteropClient {
  /** Of its script in `clients/`. */
  readonly id: string;
  readonly title: string;
  /** Its package, whose version is shown. */
  readonly from: string;
  /** Whether it lets its user see notifications. */
  readonly shows: boolean;
  readonly features: readonly Feature[];
}

const OFFERS: readonly Feature[] = ['resources', 'prompts', 'completion'];
const ALL: readonly Feature[] = [...OFFERS, 'elicitation', 'cancellation', 'step-up'];

export const CLIENTS: readonly InteropClient[] = [
  {
    id: 'sdk-1',
    title: 'official SDK 1.x',
    from: '@modelcontextprotocol/sdk',
    shows: true,
    features: ALL,
  },
  {
    id: 'sdk-2',
    title: 'official SDK 2.x',
    from: '@modelcontextprotocol/client',
    shows: true,
    features: ALL,
  },
  {
    id: 'inspector',
    title: 'MCP Inspector',
    from: '@modelcontextprotocol/inspector',
    shows: false,
    features: ['resources', 'prompts'],
  },
  {
    id: 'mcp-remote',
    title: 'mcp-remote',
    from: 'mcp-remote',
    shows: true,
    features: [...OFFERS, 'elicitation'],
  },
  {
    id: 'ai-sdk',
    title: 'Vercel AI SDK',
    from: '@ai-sdk/mcp',
    shows: false,
    features: [...OFFERS, 'elicitation'],
  },
  {
    id: 'openai-agents',
    title: 'OpenAI Agents SDK',
    from: '@openai/agents',
    shows: false,
    features: ['resources'],
  },
  { id: 'langchain', title: 'LangChain', from: '@langchain/mcp-adapters', shows: true, features: OFFERS },
  {
    id: 'mastra',
    title: 'Mastra',
    from: '@mastra/mcp',
    shows: false,
    features: ['resources', 'prompts', 'elicitation'],
  },
];

export interface Visit {
  /** What the client presents; without any it begins the OAuth flow. */
  readonly key?: string;
  readonly token?: string;
  /** With which it signs in; without one it registers itself. */
  readonly clientId?: string;
  readonly features?: readonly Feature[];
  /** That it may delete. */
  readonly document?: string;
}

/** What a client presents, by the way it comes. */
export const visitBy = (way: Way, server: InteropServer): Visit =>
  way === 'oauth' ? {} : { [way]: server[way] };

export const STEP_UP: Visit = { clientId: KNOWN_CLIENT.client_id, features: ['step-up'] };

export interface Seen {
  readonly tools: readonly string[];
  readonly total?: { readonly documents: number };
  readonly progress: number;
  readonly logs: number;
  /** The features that came out as they should. */
  readonly done: readonly Feature[];
}

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}
const manifest = (file: string) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Manifest;
export const versionOf = ({ from }: InteropClient) => manifest('package.json').dependencies[from] ?? '';

/** Installs the clients' own package, once for each set of versions. */
export function installClients(): void {
  const { dependencies } = manifest('package.json');
  const isInstalled = ([name, version]: [string, string]) => {
    const file = `node_modules/${name}/package.json`;
    return existsSync(join(FOLDER, file)) && manifest(file).version === version;
  };
  if (Object.entries(dependencies).every(isInstalled)) return;
  process.stdout.write('Installing the clients\n');
  const command = 'npm ci --ignore-scripts --no-audit --no-fund --loglevel=error';
  execFileSync(command, { cwd: FOLDER, shell: true, stdio: 'inherit' });
}

/** Runs a client with a home of its own. Its user is whoever follows the URL that it prints. */
export async function runClient({ id }: InteropClient, visit: Visit, server: InteropServer): Promise<Seen> {
  const { url, certFile, authorizationServer } = server;
  const home = await mkdtemp(join(tmpdir(), 'mcp-interop-home-'));
  const child = spawn(nodeForSuite(), [join(FOLDER, 'clients', `${id}.mjs`)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_LIMIT_MS,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      NODE_EXTRA_CA_CERTS: certFile,
      BROWSER: 'true', // the program of that name: nothing opens
      MCP_AUTO_OPEN_ENABLED: 'true',
      INTEROP: JSON.stringify({ url, ...visit }),
    },
  });
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr });
  const begin = `${authorizationServer.issuer}/auth?`;
  lines.on('line', (line) => {
    const page = line.includes(begin) ? /\S+/.exec(line.slice(line.indexOf(begin)))?.[0] : undefined;
    if (page === undefined) said.push(line);
    else void signIn(new URL(page), authorizationServer).catch((error: Error) => said.push(error.message));
  });
  try {
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    if (code !== 0) throw new Error(said.slice(-8).join('\n') || `ended with ${String(code)}`);
    return JSON.parse(output) as Seen;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** What the user of a client does in the browser. */
async function signIn(page: URL, authorizationServer: AuthorizationServer): Promise<void> {
  const callback = await authorizationServer.authorize(page);
  await (await fetch(callback)).body?.cancel();
}
