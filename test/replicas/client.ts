/** A client of one caller, that says which replica it speaks to. */
import { once } from 'node:events';
import type { Fetch } from '../helpers/https-fetch.js';
import { events, type Message, type StreamEvent } from '../helpers/raw-messages.js';

export { all, body, type Message } from '../helpers/raw-messages.js';

export interface Sending {
  readonly session?: string;
  readonly lastEventId?: string | undefined;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Client {
  post(to: Place, body: object, sending?: Sending): Promise<Response>;
  get(to: Place, sending: Sending): Promise<Response>;
  end(to: Place, sending: Sending): Promise<Response>;
  /** A new session's id. */
  initialize(to: Place, capabilities?: object): Promise<string>;
  call(to: Place, session: string, tool: string, args?: object, id?: string | number): Promise<Response>;
}

interface Place {
  readonly url: string;
}

export function clientOf(
  key: string,
  everyHeader: Readonly<Record<string, string>> = {},
  sendBy: Fetch = fetch,
): Client {
  const send = (method: string, to: Place, body: object | undefined, sending: Sending = {}) =>
    sendBy(to.url, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        accept: 'application/json, text/event-stream',
        ...(body && { 'content-type': 'application/json' }),
        ...(sending.session !== undefined && { 'mcp-session-id': sending.session }),
        ...(sending.lastEventId !== undefined && { 'last-event-id': sending.lastEventId }),
        ...everyHeader,
        ...sending.headers,
      },
      ...(body && { body: JSON.stringify({ jsonrpc: '2.0', ...body }) }),
      ...(sending.signal && { signal: sending.signal }),
    });
  let lastId = 0;
  const post: Client['post'] = (to, body, sending) => send('POST', to, body, sending);
  return {
    post,
    get: (to, sending) => send('GET', to, undefined, sending),
    end: (to, sending) => send('DELETE', to, undefined, sending),
    async initialize(to, capabilities = { elicitation: {} }) {
      const params = {
        protocolVersion: '2025-11-25',
        capabilities,
        clientInfo: { name: 'raw', version: '1' },
      };
      const answer = await post(to, { id: 0, method: 'initialize', params });
      const session = answer.headers.get('mcp-session-id');
      if (session === null) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
      await answer.arrayBuffer();
      return session;
    },
    call: (to, session, name, args = {}, id = `call-${++lastId}`) =>
      post(to, { id, method: 'tools/call', params: { name, arguments: args } }, { session }),
  };
}

/** What a stream brings, until it ends or is cut. */
export interface Reading {
  readonly events: readonly StreamEvent[];
  /** Id of the last event, to come back with. */
  lastId(): string | undefined;
  messages(): readonly Message[];
  /** Settles with the first message that fits, also one that came before. */
  saw(fits: (message: Message) => boolean): Promise<Message>;
  /** Settles when it is reached, looked at with every event, or when nothing more comes. */
  until(isReached: () => boolean): Promise<void>;
  /** Settles when nothing more comes. */
  readonly ended: Promise<'ended' | 'cut'>;
  /** Goes away, as a client that loses its network. */
  leave(): void;
}

/** Opens a stream and reads it. `open` gets the signal by which it is left. */
export async function read(open: (signal: AbortSignal) => Promise<Response>): Promise<Reading> {
  const leaving = new AbortController();
  const response = await open(leaving.signal);
  if (response.status !== 200) throw new Error(`no stream: ${response.status} ${await response.text()}`);
  const got: StreamEvent[] = [];
  let wake = () => {};
  let isOver = false;
  const readAll = async (): Promise<'ended' | 'cut'> => {
    try {
      for await (const event of events(response)) {
        if (leaving.signal.aborted) return 'cut';
        got.push(event);
        wake();
      }
      return 'ended';
    } catch {
      return 'cut';
    } finally {
      isOver = true;
      wake();
    }
  };
  // `fetch` may never say so when it is aborted just as the stream ends.
  const left = once(leaving.signal, 'abort').then(() => 'cut' as const);
  const ended = Promise.race([readAll(), left]);
  const messages = () => got.flatMap(({ data }) => (data ? [JSON.parse(data) as Message] : []));
  return {
    events: got,
    messages,
    lastId: () => got.findLast(({ id }) => id !== undefined)?.id,
    ended,
    leave: () => leaving.abort(),
    async until(isReached) {
      for (;;) {
        if (isReached() || isOver) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    async saw(fits) {
      for (;;) {
        const found = messages().find(fits);
        if (found) return found;
        if (isOver) throw new Error(`the stream ended without it: ${JSON.stringify(messages())}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

export const isQuestion = ({ method, id }: Message) => method === 'elicitation/create' && id !== undefined;
export const isAnswer = ({ method }: Message) => method === undefined;

/** The answer that lets `delete_document` go on. */
export const agreeing = (question: Message) => ({
  id: question.id,
  result: { action: 'accept', content: { confirm: true } },
});

/** A call of revision 2026-07-28, which needs no session. */
export function stateless(method: string, params: Readonly<Record<string, unknown>> = {}, capabilities = {}) {
  const name = params['name'] ?? params['taskId'];
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  return {
    body: { id: 1, method, params: { ...params, _meta } },
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
  };
}

/** What became of requests, and how long the slowest took. */
export interface Tally {
  readonly sent: number;
  /** By HTTP status. */
  readonly answered: Readonly<Record<string, number>>;
  /** Without any answer. */
  readonly lost: number;
  readonly slowestMs: number;
  readonly withoutRetryAfter: number;
}

/** Sends requests all at once and counts what becomes of them. */
export async function tally(requests: readonly (() => Promise<Response>)[]): Promise<Tally> {
  const answered: Record<string, number> = {};
  let [lost, slowestMs, withoutRetryAfter] = [0, 0, 0];
  const one = async (send: () => Promise<Response>) => {
    const startedAt = performance.now();
    try {
      const answer = await send();
      await answer.arrayBuffer();
      answered[answer.status] = (answered[answer.status] ?? 0) + 1;
      if ([429, 503].includes(answer.status) && !answer.headers.has('retry-after')) withoutRetryAfter++;
    } catch {
      lost++;
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  };
  await Promise.all(requests.map(one));
  return { sent: requests.length, answered, lost, slowestMs, withoutRetryAfter };
}
