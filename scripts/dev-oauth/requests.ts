/** The requests of the walk, printed with their answers, without tokens, codes or secrets. */

type Say = (line: string) => void;

export interface Credential {
  readonly token?: string;
  readonly refreshToken?: string;
}

/** A call of revision 2026-07-28, with or without a token. @returns the challenge in the answer */
export async function post(
  url: URL,
  method: 'tools/list' | 'tools/call',
  { token, tool }: Credential & { readonly tool?: string },
  say: Say,
): Promise<{ readonly challenge: string }> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'dev-oauth', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': method,
      ...(tool !== undefined && { 'Mcp-Name': tool }),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: tool === undefined ? { _meta } : { name: tool, arguments: {}, _meta },
    }),
  });
  await response.body?.cancel();
  const challenge = response.headers.get('www-authenticate') ?? '';
  say(`   POST ${url.pathname} ${method}${tool === undefined ? '' : ` ${tool}`} → ${response.status}`);
  if (challenge !== '') say(`   WWW-Authenticate: ${challenge}`);
  return { challenge };
}

/** Reads a document, or posts one. */
export async function ask<T extends object>(url: string, say: Say, content?: object): Promise<T> {
  const body = JSON.stringify(content);
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(url, content ? { method: 'POST', headers, body } : {});
  say(`   ${content ? 'POST' : 'GET'} ${url} → ${response.status}`);
  const document = (await response.json()) as T;
  const shown = ['resource', 'authorization_servers', 'scopes_supported', 'token_endpoint', 'client_id'];
  for (const [name, value] of Object.entries(document)) {
    if (shown.includes(name)) say(`     ${name}: ${[value].flat().join(' ')}`);
  }
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return document;
}

/** @returns the tokens of a grant */
export async function tokenFrom(
  endpoint: string,
  grant: Readonly<Record<string, string>>,
  say: Say,
): Promise<Credential> {
  const response = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(grant) });
  const answer = (await response.json()) as Readonly<Record<string, string | undefined>>;
  const said = response.ok ? `scope: ${answer['scope']}` : answer['error'];
  say(`   POST ${endpoint} ${grant['grant_type']} → ${response.status}, ${said}`);
  const { access_token: token, refresh_token: refreshToken } = answer;
  if (token === undefined) throw new Error(`no token: ${answer['error_description'] ?? response.status}`);
  return { token, ...(refreshToken !== undefined && { refreshToken }) };
}
