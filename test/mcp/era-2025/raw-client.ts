/** A client that says exactly what a test wants to have on the wire. */
export interface RawOptions {
  readonly session?: string;
  readonly caller?: string;
  readonly version?: string;
  readonly signal?: AbortSignal;
}

export type Message = {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: Record<string, unknown>;
  };
};

export function rawClient(url: string) {
  const send = (
    method: string,
    body: object | undefined,
    { session, caller, version, signal }: RawOptions = {},
  ) =>
    fetch(url, {
      method,
      headers: {
        accept: 'application/json, text/event-stream',
        ...(body && { 'content-type': 'application/json' }),
        ...(session && { 'mcp-session-id': session }),
        ...(caller && { 'x-test-caller': caller }),
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

/** The messages of an event stream, as they come. */
export async function* messages(res: Response): AsyncGenerator<Message, void> {
  let text = '';
  for await (const chunk of res.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data) as Message;
    }
  }
}

export async function next(stream: AsyncGenerator<Message, void>): Promise<Message> {
  const { value } = await stream.next();
  return value as Message;
}

export async function all(res: Response): Promise<Message[]> {
  const found: Message[] = [];
  for await (const message of messages(res)) found.push(message);
  return found;
}

export async function body(res: Response): Promise<Message> {
  return (await res.json()) as Message;
}
