/** The few requests that the tests of the process send, each in as little as its revision allows. */
type Headers = Readonly<Record<string, string>>;
const META = 'io.modelcontextprotocol/';
const VERSION = '2026-07-28';

export function post(
  url: URL | string,
  body: object,
  headers: Headers = {},
  signal?: AbortSignal,
): Promise<Response> {
  const accept = 'application/json, text/event-stream';
  return fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: accept, Connection: 'close', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
    ...(signal && { signal }),
  });
}

/** Without a session: revision 2026-07-28. */
export function call(
  url: URL | string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  headers: Headers = {},
  capabilities: object = {},
  signal?: AbortSignal,
): Promise<Response> {
  const { name } = params;
  const _meta = {
    [`${META}protocolVersion`]: VERSION,
    [`${META}clientInfo`]: { name: 'test', version: '1' },
    [`${META}clientCapabilities`]: capabilities,
  };
  return post(
    url,
    { method, params: { ...params, _meta } },
    {
      'MCP-Protocol-Version': VERSION,
      'Mcp-Method': method,
      ...(typeof name === 'string' && { 'Mcp-Name': name }),
      ...headers,
    },
    signal,
  );
}

export const callTool = (url: URL | string, name: string, headers: Headers = {}) =>
  call(url, 'tools/call', { name, arguments: {} }, headers);

/** What every server answers, whatever its definitions. */
export const discover = (url: URL | string, headers: Headers = {}) =>
  call(url, 'server/discover', {}, headers);

/** A session of revision 2025-11-25, as the headers of its requests. */
export async function openSession(url: URL | string, headers: Headers = {}): Promise<Headers> {
  const clientInfo = { name: 'test', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const opened = await post(url, { method: 'initialize', params }, headers);
  await opened.text();
  return {
    'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '',
    'MCP-Protocol-Version': '2025-11-25',
  };
}

/** A session and its stream. */
export async function openStream(url: URL): Promise<Response> {
  return fetch(url, { headers: { Accept: 'text/event-stream', ...(await openSession(url)) } });
}
