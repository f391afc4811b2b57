/** A client that says exactly what a test wants to have on the wire. */
export interface RawOptions {
  readonly caller?: string;
  readonly capabilities?: object;
  /** More members of `_meta`. */
  readonly meta?: object;
  readonly signal?: AbortSignal;
}

export type Params = Record<string, unknown>;

let lastId = 0;

export function post(
  url: string,
  method: string,
  params: Params = {},
  options: RawOptions = {},
): Promise<Response> {
  const { caller = 'alice', capabilities = {}, meta, signal } = options;
  const name = params['name'] ?? params['uri'];
  return fetch(url, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
      'x-test-caller': caller,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: ++lastId,
      method,
      params: {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': capabilities,
          ...meta,
        },
      },
    }),
    ...(signal && { signal }),
  });
}
