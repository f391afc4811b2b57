/** `npm run dev:oauth`: runs the server with an authorization server, to try OAuth. */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { prompts } from '../src/prompts/index.js';
import { resources } from '../src/resources/index.js';
import { tools } from '../src/tools/index.js';
import type { DevOauth } from './dev-oauth/start.js';
import { walk } from './dev-oauth/walk.js';
import { ownSettings } from './own-settings.js';
import { EXIT_USAGE } from '../src/server/command-line.js';

const HELP = `Usage: npm run dev:oauth -- [--walk] [--port N] [--issuer-port N]

Starts the server with AUTH=jwt, and an authorization server (oidc-provider) that knows this server. Any name and
password sign in. For development only: keys, clients and grants last for this run.

  --walk            go through the flow step by step, with you at the browser, and end
  --port N          of the server, 3000 unless given
  --issuer-port N   of the authorization server, 3030 unless given
  --help            this text

Exit code: 0 after Ctrl-C or a walk, 1 otherwise, 64 usage.
`;

function readArguments() {
  const port = (byDefault: string) => ({ type: 'string', default: byDefault }) as const;
  const { values } = parseArgs({
    options: {
      walk: { type: 'boolean', default: false },
      port: port('3000'),
      'issuer-port': port('3030'),
      help: { type: 'boolean', default: false },
    },
  });
  for (const text of [values.port, values['issuer-port']])
    if (!/^\d{1,5}$/.test(text)) throw new TypeError('a port is a number');
  return values;
}

const welcome = ({ url, issuer, scope, service }: DevOauth) => `
Serving MCP on ${url.href}
Authorization server ${issuer}

Connect a client, and sign in by any name and password:

  npm run connect -- claude-code --url ${url.href}

A token for a program without a user:

  curl -s ${issuer}/token -u ${service.id}:${service.secret} \\
    -d grant_type=client_credentials -d scope=${scope} -d resource=${url.href}

Ctrl-C ends both.
`;

const print = (line: string) => void process.stdout.write(`${line}\n`);

async function main({ walk: isWalk, port, ...values }: ReturnType<typeof readArguments>): Promise<void> {
  const { startDevOauth } = await import('./dev-oauth/start.js'); // --help does not load all of src/
  const dev = await startDevOauth({
    definitions: { tools, resources, prompts },
    ownSettings: ownSettings(),
    port: Number(port),
    issuerPort: Number(values['issuer-port']),
    auditSink: isWalk ? 'file:/dev/null' : 'stdout',
  });
  try {
    if (!isWalk) {
      process.stderr.write(welcome(dev));
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
      return;
    }
    const first = tools[0]?.scopes ?? [];
    const stepUpTool = tools.find(({ scopes }) => scopes.some((scope) => !first.includes(scope)))?.name;
    const visit = (url: URL) => print(`   open this in your browser:\n\n${url.href}\n`);
    await walk({ ...dev, ...(stepUpTool !== undefined && { stepUpTool }), visit, say: print });
  } finally {
    await dev.close();
  }
}

try {
  const values = readArguments();
  if (values.help) process.stdout.write(HELP);
  else await main(values);
} catch (error) {
  const isUsage = error instanceof TypeError;
  process.stderr.write(isUsage ? `${error.message}\n\n${HELP}` : `${(error as Error).message}\n`);
  process.exitCode = isUsage ? EXIT_USAGE : 1;
}
