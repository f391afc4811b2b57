/** A client that says exactly what a test wants to have on the wire. */
export interface RawOptions {
  readonly session?: string;
  readonly caller?: string;
  readonly version?: string;
  readonly lastEventId?: string;
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

export type StreamEvent = Readonly<Partial<Record<'id' | 'event' | 'data' | 'retry', string>>>;

/** The events of a stream, as they come, with the names of their fields. */
export async function* events(res: Response): AsyncGenerator<StreamEvent, void> {
  let text = '';
  for await (const chunk of res.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = [...text.slice(0, end).matchAll(/^(\w+): (.*)$/gm)];
      text = text.slice(end + 2);
      if (fields.length > 0) yield Object.fromEntries(fields.map(([, name, value]) => [name, value]));
    }
  }
}

/** The messages of an event stream, as they come. */
export async function* messages(res: Response): AsyncGenerator<Message, void> {
  for await (const { data } of events(res)) if (data) yield JSON.parse(data) as Message;
}

export async function next<T>(stream: AsyncGenerator<T, void>): Promise<T> {
  const { value } = await stream.next();
  return value as T;
}

export async function all(res: Response): Promise<Message[]> {
  const found: Message[] = [];
  for await (const message of messages(res)) found.push(message);
  return found;
}

export async function body(res: Response): Promise<Message> {
  return (await res.json()) as Message;
}
