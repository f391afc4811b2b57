/** A client that says exactly what a test wants to have on the wire. */
export interface RawOptions {
  readonly session?: string;
  readonly caller?: string;
  readonly version?: string;
  readonly lastEventId?: string;
  readonly signal?: AbortSignal;
}

export function rawClient(url: string) {
  const send = (
    method: string,
    body: object | undefined,
    { session, caller, version, lastEventId, signal }: RawOptions = {},
  ) =>
    fetch(url, {
      method,
      headers: {
        accept: 'application/json, text/event-stream',
        ...(body && { 'content-type': 'application/json' }),
        ...(session && { 'mcp-session-id': session }),
        ...(caller && { 'x-test-caller': caller }),
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        ...(version && { 'mcp-protocol-version': version }),
      },
      ...(body && { body: JSON.stringify({ jsonrpc: '2.0', ...body }) }),
      ...(signal && { signal }),
    });

  const post = (body: object, options?: RawOptions) => send('POST', body, options);
  return {
    post,
    get: (options: RawOptions) => send('GET', undefined, options),
    end: (options: RawOptions) => send('DELETE', undefined, options),
    /** A new session's id. */
    initialize: async (capabilities: object = {}, caller?: string, protocolVersion = '2025-11-25') => {
      const params = { protocolVersion, capabilities, clientInfo: { name: 'raw', version: '1' } };
      const res = await post({ id: 0, method: 'initialize', params }, caller === undefined ? {} : { caller });
      await res.arrayBuffer();
      return String(res.headers.get('mcp-session-id'));
    },
  };
}
