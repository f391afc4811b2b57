/** The SDKs' own clients behind one face, so that the same promises are tested with each of them. */
import { EventEmitter, once } from 'node:events';
import * as v2 from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
}
interface CallOptions {
  readonly signal?: AbortSignal;
  readonly progress?: boolean;
}
type Answer = Readonly<Record<string, unknown>>;
type Face = Pick<
  v2.Client,
  'listTools' | 'listResources' | 'listPrompts' | 'readResource' | 'getPrompt' | 'complete' | 'close'
>;

export interface Connected {
  readonly client: Face;
  readonly sessionId: string | undefined;
  /** Everything the server has sent, in order. */
  readonly messages: readonly Message[];
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Answer>;
  setLevel(level: v2.LoggingLevel): Promise<void>;
  /** Has the server tell of changes: of the list of tools, and of one resource. */
  watch(uri: string): Promise<void>;
  /** The next notification of this method that has not been awaited yet. */
  notification(method: string): Promise<Message>;
  end(): Promise<void>;
}

export interface Answers {
  readonly elicitation?: Answer;
  readonly sampling?: Answer;
}

type Headers = Readonly<Record<string, string>>;
export type Connect = (url: URL, headers: Headers, answers?: Answers) => Promise<Connected>;

const INFO = { name: 'test client', version: '1.0.0' };
const capabilitiesOf = ({ elicitation, sampling }: Answers) => ({
  ...(elicitation && { elicitation: {} }),
  ...(sampling && { sampling: {} }),
});
const optionsOf = ({ signal, progress }: CallOptions = {}) => ({
  ...(signal && { signal }),
  ...(progress && { onprogress: () => {} }),
});

const connect1: Connect = async (url, headers, answers = {}) => {
  const wire = createWire();
  const client = new Client1(INFO, { capabilities: capabilitiesOf(answers) });
  if (answers.elicitation) client.setRequestHandler(ElicitRequestSchema, () => answers.elicitation as never);
  if (answers.sampling) client.setRequestHandler(CreateMessageRequestSchema, () => answers.sampling as never);
  const transport = new Transport1(url, { requestInit: { headers }, fetch: wire.fetch });
  wire.tap(transport);
  await client.connect(transport);
  return {
    ...wire,
    client: client as unknown as Face,
    sessionId: transport.sessionId,
    call: (name, args = {}, options) =>
      client.callTool({ name, arguments: args }, undefined, optionsOf(options)),
    setLevel: async (level) => void (await client.setLoggingLevel(level)),
    watch: async (uri) => {
      await wire.streamOpen;
      await client.subscribeResource({ uri });
    },
    end: () => transport.terminateSession(),
  };
};

const connect2 =
  (mode: 'legacy' | { readonly pin: string }): Connect =>
  async (url, headers, answers = {}) => {
    const wire = createWire();
    const client = new v2.Client(INFO, {
      capabilities: capabilitiesOf(answers),
      versionNegotiation: { mode },
    });
    if (answers.elicitation)
      client.setRequestHandler('elicitation/create', () => answers.elicitation as never);
    if (answers.sampling) client.setRequestHandler('sampling/createMessage', () => answers.sampling as never);
    const transport = new v2.StreamableHTTPClientTransport(url, {
      requestInit: { headers },
      fetch: wire.fetch,
    });
    wire.tap(transport);
    await client.connect(transport);
    const isLegacy = mode === 'legacy';
    let level: v2.LoggingLevel | undefined;
    return {
      ...wire,
      client,
      sessionId: transport.sessionId,
      call: (name, args = {}, options) => {
        const _meta = level ? { [v2.LOG_LEVEL_META_KEY]: level } : {};
        return client.callTool({ name, arguments: args, _meta }, optionsOf(options));
      },
      setLevel: async (wanted) => {
        if (isLegacy) await client.setLoggingLevel(wanted);
        else level = wanted;
      },
      watch: async (uri) => {
        if (!isLegacy) {
          await client.listen({ toolsListChanged: true, resourceSubscriptions: [uri] });
          return;
        }
        await wire.streamOpen;
        await client.subscribeResource({ uri });
      },
      end: () => transport.terminateSession(),
    };
  };

/** Name of the client, its era, and how it connects. */
export const CLIENTS: readonly (readonly [string, '2025' | '2026', Connect])[] = [
  ['the 1.x client', '2025', connect1],
  ['the 2.x client, in its legacy mode', '2025', connect2('legacy')],
  ['the 2.x client, revision 2026-07-28', '2026', connect2({ pin: '2026-07-28' })],
];

/** Sees what comes over the wire without standing in its way. */
function createWire() {
  const messages: Message[] = [];
  const arrivals = new EventEmitter();
  const awaited = new Set<Message>();
  const streamOpen = once(arrivals, 'stream');
  return {
    messages,
    streamOpen,
    fetch: async (url: string | URL, init?: RequestInit) => {
      const response = await fetch(url, init);
      if (init?.method === 'GET' && response.ok) arrivals.emit('stream');
      return response;
    },
    /** A client calls the `onmessage` that it finds before its own. */
    tap(transport: object) {
      Object.assign(transport, {
        onmessage: (message: Message) => {
          messages.push(message);
          arrivals.emit('message');
        },
      });
    },
    async notification(method: string): Promise<Message> {
      for (;;) {
        const found = messages.find((message) => message.method === method && !awaited.has(message));
        if (found) {
          awaited.add(found);
          return found;
        }
        await once(arrivals, 'message');
      }
    },
  };
}
