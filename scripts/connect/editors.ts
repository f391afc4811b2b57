/** Clients that are configured by a file. */
import { type ConnectClient, json, KEY_VARIABLE, mcpServers, type Target } from './client.js';

const remote = ({ url }: Target, ...more: readonly string[]) => ({
  command: 'npx',
  args: ['-y', 'mcp-remote', url, ...more],
});

const claudeDesktop: ConnectClient = {
  id: 'claude-desktop',
  title: 'Claude Desktop',
  where: '`claude_desktop_config.json` (Settings → Developer → Edit Config), through mcp-remote',
  apiKey: (target) =>
    json({
      mcpServers: {
        [target.name]: {
          ...remote(target, '--header', `X-Api-Key:\${${KEY_VARIABLE}}`),
          env: { [KEY_VARIABLE]: 'YOUR KEY' },
        },
      },
    }),
  oauth: (target) => json({ mcpServers: { [target.name]: remote(target) } }),
  stdio: mcpServers,
  signIn: 'mcp-remote opens the browser when Claude Desktop starts.',
  traps: [
    'The file starts processes only: an entry with a `url` is not read. Connectors added in Settings are called from ' +
      "the vendor's servers and do not reach a server on your machine.",
    'No space in an argument: on Windows the arguments are joined without quotes. `X-Api-Key` needs none; with ' +
      '`Authorization:${AUTH_HEADER}` the word `Bearer` and its space stand in `env`.',
    'Node must be installed; the application does not bring one.',
  ],
};

const vsCode: ConnectClient = {
  id: 'vscode',
  title: 'VS Code',
  where: '`.vscode/mcp.json` of a workspace, or the user file (command *MCP: Open User Configuration*)',
  apiKey: ({ name, url }) =>
    json({
      inputs: [
        { type: 'promptString', id: 'mcp-api-key', description: `API key of ${name}`, password: true },
      ],
      servers: { [name]: { type: 'http', url, headers: { 'X-Api-Key': '${input:mcp-api-key}' } } },
    }),
  oauth: ({ name, url }) => json({ servers: { [name]: { type: 'http', url } } }),
  stdio: ({ name, command, args }) => json({ servers: { [name]: { type: 'stdio', command, args } } }),
  signIn: 'VS Code asks when the server starts, and opens the browser.',
  traps: [
    'The outer key is `servers`; `mcpServers`, as in other clients, is ignored without a word.',
    'The key is asked for once and kept by VS Code; `${input:…}` needs its entry in `inputs`.',
    'An authorization server that registers no clients: add `"oauth": { "clientId": "…" }` to the entry.',
  ],
};

const cursor: ConnectClient = {
  id: 'cursor',
  title: 'Cursor',
  where: '`.cursor/mcp.json` of a project, or `~/.cursor/mcp.json`',
  apiKey: ({ name, url }) =>
    json({ mcpServers: { [name]: { url, headers: { 'X-Api-Key': `\${env:${KEY_VARIABLE}}` } } } }),
  oauth: ({ name, url }) => json({ mcpServers: { [name]: { url } } }),
  stdio: mcpServers,
  signIn: 'Press *Needs login* beside the server in Settings → MCP.',
  traps: [
    'The variable is written `${env:NAME}`, and Cursor must have been started from an environment that has it.',
    'An authorization server that registers no clients: add `"auth": { "CLIENT_ID": "…" }` to the entry.',
  ],
};

const windsurf: ConnectClient = {
  id: 'windsurf',
  title: 'Windsurf',
  where: '`~/.codeium/windsurf/mcp_config.json`; refresh the list of servers afterwards',
  apiKey: ({ name, url }) =>
    json({
      mcpServers: { [name]: { serverUrl: url, headers: { 'X-Api-Key': `\${env:${KEY_VARIABLE}}` } } },
    }),
  oauth: ({ name, url }) => json({ mcpServers: { [name]: { serverUrl: url } } }),
  stdio: mcpServers,
  signIn: 'Windsurf opens the browser when it connects.',
  traps: [
    'The key of the URL is `serverUrl`.',
    'There is no file per project: the entry applies to all of them.',
  ],
};

const codex: ConnectClient = {
  id: 'codex',
  title: 'Codex',
  where: '`~/.codex/config.toml`, or `.codex/config.toml` of a trusted project',
  apiKey: ({ name, url }) => ({
    language: 'toml',
    text: [
      `[mcp_servers.${name}]`,
      `url = ${JSON.stringify(url)}`,
      `bearer_token_env_var = "${KEY_VARIABLE}"`,
    ].join('\n'),
  }),
  oauth: ({ name, url }) => ({
    language: 'toml',
    text: [`[mcp_servers.${name}]`, `url = ${JSON.stringify(url)}`].join('\n'),
  }),
  stdio: ({ name, command, args }) => ({
    language: 'toml',
    // Strings and lists of strings are the same in TOML and JSON.
    text: `[mcp_servers.${name}]\ncommand = ${JSON.stringify(command)}\nargs = ${JSON.stringify(args)}`,
  }),
  signIn: 'Then `codex mcp login NAME`.',
  traps: [
    '`bearer_token_env_var` is the name of the variable, not the key itself.',
    'TOML, and `mcp_servers` with an underscore: a JSON block of another client does not fit.',
    'It gives up on a call after 60 seconds; `tool_timeout_sec` changes that.',
  ],
};

const gemini: ConnectClient = {
  id: 'gemini',
  title: 'Gemini CLI',
  where: '`.gemini/settings.json` of a project, or `~/.gemini/settings.json`',
  apiKey: ({ name, url }) =>
    json({ mcpServers: { [name]: { httpUrl: url, headers: { 'X-Api-Key': `$${KEY_VARIABLE}` } } } }),
  oauth: ({ name, url }) => json({ mcpServers: { [name]: { httpUrl: url } } }),
  stdio: mcpServers,
  signIn: 'Then `/mcp auth NAME`; the browser comes back to `http://localhost:7777/oauth/callback`.',
  traps: [
    'The key of the URL is `httpUrl`; versions before 0.61 take `url` for HTTP+SSE.',
    'Tool names get a prefix and are cut in the middle when they are long.',
  ],
};

export const EDITORS = { claudeDesktop, vsCode, cursor, windsurf, codex, gemini };
