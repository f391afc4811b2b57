/** Streamable HTTP: every request is a POST of its own, whose stream can be taken up again where it broke. */
import { readEvents } from './event-stream.js';
import { INITIALIZE, type Message, NoAnswer, resultOf, REVISION, send } from './json-rpc.js';

const DEFAULT_RETRY_MS = 1000;
const MAX_ATTEMPTS = 20;

/** What may be watched of a request while it runs. */
export interface Watcher {
  /** A notification, or a question of the server. */
  onMessage?(message: Message): void;
  /** A response is being read; `cut` drops its connection, as a bad network would. */
  onOpen?(cut: () => void): void;
  /** The stream broke, and will be resumed from this event. */
  onLost?(lastEventId: string): void;
  onResumed?(lastEventId: string): void;
}

export interface Session {
  readonly server: { readonly name: string; readonly version: string };
  /** @throws {Refused}, {@link NoAnswer}, or an `Error` with the words of a JSON-RPC error */
  request(method: string, params: object, watcher?: Watcher): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

export async function openSession(url: string, credential: string): Promise<Session> {
  let sessionId: string | undefined;
  let lastId = 0;
  const headers = () => ({
    Authorization: `Bearer ${credential}`,
    ...(sessionId && { 'Mcp-Session-Id': sessionId, 'MCP-Protocol-Version': REVISION }),
  });
  const post = (message: object, signal?: AbortSignal) =>
    send(url, {
      method: 'POST',
      headers: {
        ...headers(),
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      ...(signal && { signal }),
    });
  const resume = (lastEventId: string, signal: AbortSignal) =>
    send(url, {
      headers: { ...headers(), Accept: 'text/event-stream', 'Last-Event-ID': lastEventId },
      signal,
    });
  const request = async (method: string, params: object, watcher: Watcher = {}) => {
    const id = ++lastId;
    return resultOf(await answerTo(id, (signal) => post({ id, method, params }, signal), resume, watcher));
  };

  const opened = await post({ id: ++lastId, method: 'initialize', params: INITIALIZE });
  sessionId = opened.headers.get('Mcp-Session-Id') ?? undefined;
  const { serverInfo } = resultOf((await opened.json()) as Message) as { serverInfo: Session['server'] };
  await post({ method: 'notifications/initialized' });

  return {
    server: serverInfo,
    request,
    close: async () => void (await send(url, { method: 'DELETE', headers: headers() })),
  };
}

type Post = (signal: AbortSignal) => Promise<Response>;
type Resume = (lastEventId: string, signal: AbortSignal) => Promise<Response>;

/** Reads until the answer is there, over as many connections as it takes. */
async function answerTo(id: number, post: Post, resume: Resume, watcher: Watcher): Promise<Message> {
  let connection = new AbortController();
  let response = await post(connection.signal);
  if (response.headers.get('Content-Type')?.startsWith('application/json'))
    return (await response.json()) as Message;

  let lastEventId: string | undefined;
  let retryMs = DEFAULT_RETRY_MS;
  for (;;) {
    const open = connection;
    watcher.onOpen?.(() => open.abort());
    try {
      for await (const event of readEvents(response)) {
        lastEventId = event.id ?? lastEventId;
        retryMs = event.retryMs ?? retryMs;
        if (event.data === '') continue;
        const message = JSON.parse(event.data) as Message;
        if (message.id === id && message.method === undefined) return message;
        watcher.onMessage?.(message);
      }
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
      // Anything else is the connection, cut by us or by the network.
    }
    if (lastEventId === undefined) throw new Error('The connection was lost before anything was said on it.');
    watcher.onLost?.(lastEventId);
    connection = new AbortController();
    response = await comeBack(lastEventId, retryMs, connection.signal, resume);
    watcher.onResumed?.(lastEventId);
  }
}

/** Tries again for as long as there is no answer at all; a refusal is one. */
async function comeBack(lastEventId: string, retryMs: number, signal: AbortSignal, resume: Resume) {
  for (let attempt = 1; ; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, retryMs));
    try {
      return await resume(lastEventId, signal);
    } catch (error) {
      if (!(error instanceof NoAnswer) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}
