/** One call made by hand in each protocol era, and what differs between the two answers. */
import { readFileSync } from 'node:fs';
import { messages } from './raw-messages.js';

const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

type Json = Readonly<Record<string, unknown>>;
interface Message {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json & { readonly inputRequests?: Readonly<Record<string, Json>>; requestState?: string };
  readonly error?: Json;
}

/** A call as both eras know it. */
export interface SameCall {
  readonly method: string;
  readonly params?: Json;
  /** Answers of the client to what it is asked, in order; without any it declares that it cannot be asked. */
  readonly answers?: readonly Json[];
  /** What a client that has answers declares of elicitation; `{}` unless said. */
  readonly elicitation?: Json;
  readonly logLevel?: string;
  readonly progressToken?: string;
  /** The client cancels the call at its first notification. */
  readonly cancel?: boolean;
}

export const toolCall = (name: string, args: object = {}, more: Partial<SameCall> = {}): SameCall => ({
  method: 'tools/call',
  params: { name, arguments: args },
  ...more,
});

/** What a client sees of a call. */
export interface Seen {
  readonly status: number;
  readonly contentType: string | null;
  readonly challenge: string | null;
  readonly notifications: readonly Json[];
  readonly questions: readonly unknown[];
  readonly answer: Message | undefined;
}

export interface Endpoint {
  readonly url: URL;
  /** An API key, or a token. */
  readonly key: string;
}

const V2025 = '2025-11-25';
const V2026 = '2026-07-28';
const META = 'io.modelcontextprotocol';

function post(
  { url, key }: Endpoint,
  body: object,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
) {
  return fetch(url, {
    method: 'POST',
    headers: {
      ...(key.startsWith('mcp_') ? { 'X-Api-Key': key } : { Authorization: `Bearer ${key}` }),
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    ...(signal && { signal }),
  });
}

const withToken = ({ params = {}, progressToken }: SameCall, meta: Json = {}) => {
  const _meta = { ...meta, ...(progressToken !== undefined && { progressToken }) };
  return Object.keys(_meta).length > 0 ? { ...params, _meta } : params;
};

/**
 * A session of its own for the call.
 * @public for the tests that `npm run new` writes
 */
export async function callIn2025(server: Endpoint, call: SameCall, protocolVersion = V2025): Promise<Seen> {
  const { method, answers, logLevel, elicitation = {} } = call;
  const capabilities = answers ? { elicitation, sampling: {} } : {};
  const clientInfo = { name: 'raw', version: '1' };
  const params = { protocolVersion, capabilities, clientInfo };
  const opened = await post(server, { id: 'open', method: 'initialize', params }, {});
  await opened.text();
  const headers = {
    'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '',
    'MCP-Protocol-Version': protocolVersion,
  };
  const send = async (body: object) => void (await (await post(server, body, headers)).text());
  await send({ method: 'notifications/initialized' });
  if (logLevel) await send({ id: 'level', method: 'logging/setLevel', params: { level: logLevel } });

  const response = await post(server, { id: 1, method, params: withToken(call) }, headers);
  const cancel = () => send({ method: 'notifications/cancelled', params: { requestId: 1 } });
  const questions: unknown[] = [];
  const onQuestion = async (question: Message) => {
    const result = answers?.[questions.length];
    questions.push({ method: question.method, params: question.params });
    await send({ id: question.id, result });
  };
  const seen = await read(response, { onQuestion, ...(call.cancel && { onNotification: cancel }) });
  return { ...seen, questions };
}

export async function callIn2026(server: Endpoint, call: SameCall): Promise<Seen> {
  const { method, params = {}, answers, logLevel, elicitation = {} } = call;
  const name = params['name'] ?? params['uri'];
  const headers = {
    'MCP-Protocol-Version': V2026,
    'Mcp-Method': method,
    ...(typeof name === 'string' && { 'Mcp-Name': name }),
  };
  const meta = {
    [`${META}/protocolVersion`]: V2026,
    [`${META}/clientInfo`]: { name: 'raw', version: '1' },
    [`${META}/clientCapabilities`]: answers ? { elicitation, sampling: {} } : {},
    ...(logLevel && { [`${META}/logLevel`]: logLevel }),
  };
  const hangUp = new AbortController();
  const onNotification = call.cancel ? async () => hangUp.abort() : undefined;
  const questions: unknown[] = [];
  const notifications: Json[] = [];
  let more: Json = {};
  for (;;) {
    const body = { id: 1, method, params: { ...withToken(call, meta), ...more } };
    const response = await post(server, body, headers, hangUp.signal);
    const seen = await read(response, onNotification && { onNotification });
    notifications.push(...seen.notifications);
    const { inputRequests, requestState } = seen.answer?.result ?? {};
    if (!inputRequests) return { ...seen, notifications, questions };
    const asked = Object.entries(inputRequests);
    const inputResponses = asked.map(([key], i) => [key, answers?.[questions.length + i]]);
    questions.push(...asked.map(([, question]) => question));
    more = { inputResponses: Object.fromEntries(inputResponses), requestState };
  }
}

interface Reactions {
  readonly onQuestion?: (question: Message) => Promise<void>;
  readonly onNotification?: () => Promise<void>;
}

async function read(response: Response, { onQuestion, onNotification }: Reactions = {}) {
  const { status, headers } = response;
  const contentType = headers.get('content-type');
  const notifications: Json[] = [];
  let answer: Message | undefined;
  for await (const message of messagesOf(response)) {
    if (message.method === undefined) answer = message;
    else if (message.id !== undefined) await onQuestion?.(message);
    else {
      notifications.push({ method: message.method, params: message.params });
      await onNotification?.();
    }
  }
  return { status, contentType, challenge: headers.get('www-authenticate'), notifications, answer };
}

async function* messagesOf(response: Response): AsyncGenerator<Message, void> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    const text = await response.text();
    if (text !== '') yield JSON.parse(text) as Message;
    return;
  }
  try {
    yield* messages(response) as AsyncGenerator<Message>;
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error;
  }
}

/** A difference that the two revisions of the protocol make themselves; `undefined` is a member that is not there. */
export interface Permitted extends Difference {
  /** The cases in which it is seen, each time. */
  readonly cases: readonly string[];
  readonly why: string;
}

export interface Difference {
  /** Path within {@link Seen}. */
  readonly at: string;
  readonly in2025: unknown;
  readonly in2026: unknown;
}

/** Field by field; a member that only one of them has differs from `undefined`. */
function differences(in2025: unknown, in2026: unknown, at = ''): readonly Difference[] {
  if (!isObject(in2025) || !isObject(in2026)) {
    return Object.is(in2025, in2026) ? [] : [{ at, in2025, in2026 }];
  }
  const names = new Set([...Object.keys(in2025), ...Object.keys(in2026)]);
  return [...names].flatMap((name) =>
    differences(in2025[name], in2026[name], at === '' ? name : `${at}.${name}`),
  );
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

/** What the table says of a case, in the order and form of {@link differences}. */
export function permittedIn(name: string, table: readonly Permitted[]): readonly Difference[] {
  const rows = table.filter(({ cases }) => cases.includes(name));
  return rows.map(({ at, in2025, in2026 }) => ({ at, in2025, in2026 })).sort(byPath);
}

/** What a result of 2026-07-28 says of itself, whatever the call was. */
export const inEveryResult = (cases: readonly string[]): readonly Permitted[] => [
  {
    cases,
    at: 'answer.result.resultType',
    in2025: undefined,
    in2026: 'complete',
    why: '2026-07-28: a result says that it is not a question',
  },
  {
    cases,
    at: 'answer.result._meta',
    in2025: undefined,
    in2026: { [`${META}/serverInfo`]: { name: PACKAGE.name, version: PACKAGE.version } },
    why: '2026-07-28: without `initialize` each answer names its server',
  },
];

const byPath = (a: Difference, b: Difference) => (a.at < b.at ? -1 : 1);

/** What both eras answer to the same call, and how that differs. */
export async function compare(server: Endpoint, call: SameCall) {
  const [in2025, in2026] = [await callIn2025(server, call), await callIn2026(server, call)].map(withoutIds);
  return { in2025, in2026, found: [...differences(in2025, in2026)].sort(byPath) };
}

/** The same value for what is new in every answer. */
function withoutIds(seen: Seen): Seen {
  const text = JSON.stringify(seen).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>');
  return JSON.parse(text) as Seen;
}
