/** A client that says exactly what a test wants to have on the wire. */
export interface RawOptions {
  readonly caller?: string;
  readonly capabilities?: object;
  /** More members of `_meta`. */
  readonly meta?: object;
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

/** The one message of a JSON answer, or the last of a stream. */
export async function answerOf(res: Response): Promise<Message> {
  if (!res.headers.get('content-type')?.startsWith('text/event-stream')) return (await res.json()) as Message;
  let last: Message = {};
  for await (const message of messages(res)) last = message;
  return last;
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
