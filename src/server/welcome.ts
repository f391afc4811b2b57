import type { RunningServer } from './start.js';

/** What `npm start` prints on stderr: where the server is and, in development, a key with commands that use it. */
export function welcome({ url, developmentKey }: Pick<RunningServer, 'url' | 'developmentKey'>): string {
  if (developmentKey === undefined) return `Serving MCP on ${url.href}\n`;
  return `
Serving MCP on ${url.href}

Development key, made for this run only and stored nowhere:

  ${developmentKey}

Try it:

  npm run client -- ${url.href} --key ${developmentKey} list

  claude mcp add --transport http template ${url.href} --header "Authorization: Bearer ${developmentKey}"

  curl ${url.href} -H 'Authorization: Bearer ${developmentKey}' \\
    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\
    -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'

`;
}
