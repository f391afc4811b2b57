/** What a server says, as it stands on the wire. */
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

/** The one message of a JSON answer, or the last of a stream. */
export async function answerOf(res: Response): Promise<Message> {
  if (!res.headers.get('content-type')?.startsWith('text/event-stream')) return body(res);
  return (await all(res)).at(-1) ?? {};
}
