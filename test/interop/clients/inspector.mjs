/** The command line of the MCP Inspector: one process for each request, which shows the result alone. */
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { json } from 'node:stream/consumers';
import { ARGUMENTS, headers, report, TOOL, tryFeatures, url } from './shared.mjs';

const launcher = fileURLToPath(
  new URL('../node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js', import.meta.url),
);
const extra = Object.entries(headers ?? {}).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);

async function inspect(...args) {
  const command = [launcher, '--cli', url, '--transport', 'http', '--format', 'json', ...extra, ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [answer] = await Promise.all([json(child.stdout), once(child, 'close')]);
  return answer.result;
}

const { tools } = await inspect('--method', 'tools/list');
const call = ['--method', 'tools/call', '--tool-name', TOOL, '--tool-args-json', JSON.stringify(ARGUMENTS)];
const result = await inspect(...call);
const done = await tryFeatures({
  read: (uri) => inspect('--method', 'resources/read', '--uri', uri),
  prompt({ name, arguments: args }) {
    const pairs = Object.entries(args).map((pair) => pair.join('='));
    return inspect('--method', 'prompts/get', '--prompt-name', name, '--prompt-args', ...pairs);
  },
});
report({ tools: tools.map(({ name }) => name), result, done });
