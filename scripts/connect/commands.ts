/** Clients that are configured, or run, by a command. */
import { type ConnectClient, KEY_VARIABLE, shell, word } from './client.js';

const KEY_HEADER = `--header "X-Api-Key: $${KEY_VARIABLE}"`;

const claudeCode: ConnectClient = {
  id: 'claude-code',
  title: 'Claude Code',
  where: 'a shell; `--scope project` writes `.mcp.json`, which may say `${NAME}` for a variable',
  apiKey: ({ name, url }) => shell(`claude mcp add --transport http ${word(name)} ${word(url)}`, KEY_HEADER),
  oauth: ({ name, url }) => shell(`claude mcp add --transport http ${word(name)} ${word(url)}`),
  stdio: ({ name, command, args }) =>
    shell(`claude mcp add ${word(name)} -- ${[command, ...args].map(word).join(' ')}`),
  signIn: 'Then `/mcp` in a session, the server, *Authenticate*.',
  traps: [
    'The options that take one value go before the name; `--header` takes all that follows, so it goes last.',
    'In JSON an entry without `"type": "http"` is taken for a process.',
    'A variable that is not set makes the whole `.mcp.json` invalid; `${NAME:-}` does not.',
  ],
};

const inspector: ConnectClient = {
  id: 'inspector',
  title: 'MCP Inspector',
  where: 'a shell; without `--cli` and what follows it a page opens instead',
  apiKey: ({ url }) =>
    shell(
      `npx -y @modelcontextprotocol/inspector --cli ${word(url)} --transport http`,
      KEY_HEADER,
      '--method tools/list',
    ),
  oauth: ({ url }) =>
    shell(
      `npx -y @modelcontextprotocol/inspector --cli ${word(url)} --transport http`,
      '--method tools/list',
    ),
  stdio: ({ command, args }) =>
    shell(
      `npx -y @modelcontextprotocol/inspector --cli ${[command, ...args].map(word).join(' ')}`,
      '--method tools/list',
    ),
  signIn: 'It prints the address to open, and listens on `http://127.0.0.1:6276/oauth/callback`.',
  traps: [
    'It needs Node 22.',
    'Without a terminal it does not begin the OAuth flow: `MCP_AUTO_OPEN_ENABLED=true` makes it.',
    'The command line shows the result alone; progress and logs are shown by the page.',
  ],
};

const mcpRemote: ConnectClient = {
  id: 'mcp-remote',
  title: 'mcp-remote',
  where: 'the settings of a client that can only start a process: the command that it starts',
  apiKey: ({ url }) => shell(`npx -y mcp-remote ${word(url)}`, `--header 'X-Api-Key:\${${KEY_VARIABLE}}'`),
  oauth: ({ url }) => shell(`npx -y mcp-remote ${word(url)}`),
  signIn: 'It opens the browser, and waits 30 seconds for you: `--auth-timeout 120` is kinder.',
  traps: [
    'mcp-remote expands the variable itself, so the key does not appear in the list of processes.',
    'An `http:` URL works on loopback only; elsewhere it asks for `--allow-http`. Use https instead.',
    'Tokens and registrations are kept in `~/.mcp-auth`: remove it when the authorization server changes.',
    '`--protocol auto` speaks revision 2026-07-28 with this server; without it the older one.',
  ],
};

const BODY_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'curl', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const BODY = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: BODY_META } });
const curlWith = (url: string, credential: string) =>
  shell(
    `curl -sS --fail-with-body -N ${word(url)}`,
    `-H "${credential}"`,
    "-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream'",
    "-H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/list'",
    `-d '${BODY}'`,
  );

const curl: ConnectClient = {
  id: 'curl',
  title: 'curl',
  where: 'a shell; revision 2026-07-28 needs one request, older ones begin with `initialize`',
  apiKey: ({ url }) => curlWith(url, `X-Api-Key: $${KEY_VARIABLE}`),
  oauth: ({ url }) => curlWith(url, 'Authorization: Bearer $TOKEN'),
  signIn: 'The token comes from your authorization server, for this server as its audience.',
  traps: [
    '`Accept` must name both types, or the answer is 406; the headers must agree with the body, or it is 400.',
    '`-N` shows a stream as it comes.',
    'Leave `Origin` out: only browsers send it, and one that is not in `ALLOWED_ORIGINS` is refused.',
  ],
};

export const COMMANDS = { claudeCode, inspector, mcpRemote, curl };
