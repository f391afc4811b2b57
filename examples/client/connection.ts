/** A connection to a server in either protocol era. */
import {
  Client,
  LOG_LEVEL_META_KEY,
  type RequestOptions,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { createAnswerer } from './ask-user.js';
import type { Arguments } from './arguments.js';
import type { Display } from './display.js';
import { createMessageHandler } from './message-handler.js';

const REVISION_2026 = '2026-07-28';
const CALL_TIMEOUT_MS = 10 * 60_000;

export interface Connection {
  readonly client: Client;
  callTool(name: string, args: Record<string, unknown>, signal: AbortSignal): ReturnType<Client['callTool']>;
  /** What the server last refused, in its own words. */
  refusal(): string | undefined;
  close(): Promise<void>;
}

export function prepareConnection(args: Arguments, display: Display): Connection & { open(): Promise<void> } {
  const refusals: string[] = [];
  const transport = new StreamableHTTPClientTransport(args.url, {
    requestInit: { headers: args.headers },
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (!response.ok) refusals.push(await describeRefusal(response.clone()));
      return response;
    },
  });
  // The SDK calls this for every message and then handles the message itself.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is no EventTarget
  transport.onmessage = createMessageHandler(display);
  const client = new Client(
    { name: 'example-client', version: '1.0.0' },
    {
      capabilities: { elicitation: { form: {}, url: {} } },
      versionNegotiation: { mode: negotiationOf(args.era) },
    },
  );
  client.setRequestHandler('elicitation/create', createAnswerer(display, args.yes));

  return {
    client,
    async open() {
      await client.connect(transport);
      display.line(`connected, revision ${client.getNegotiatedProtocolVersion()}`, 'dim');
      if (client.getProtocolEra() === 'legacy') await client.setLoggingLevel(args.logLevel);
    },

    callTool(name, toolArguments, signal) {
      // The 2026 era has no session to keep a level in: every request says its own.
      const meta = { [LOG_LEVEL_META_KEY]: args.logLevel };
      const _meta = client.getProtocolEra() === 'legacy' ? {} : meta;
      const options: RequestOptions = { signal, timeout: CALL_TIMEOUT_MS, onprogress: () => {} }; // asks for progress
      return client.callTool({ name, arguments: toolArguments, _meta }, options);
    },

    refusal: () => refusals.at(-1),

    async close() {
      if (transport.sessionId !== undefined) await transport.terminateSession().catch(() => {});
      await client.close();
    },
  };
}

function negotiationOf(era: Arguments['era']): 'auto' | 'legacy' | { pin: string } {
  if (era === '2026') return { pin: REVISION_2026 };
  return era === '2025' ? 'legacy' : 'auto';
}

async function describeRefusal(response: Response): Promise<string> {
  const body = (await response.json().catch(() => ({}))) as { error?: RefusalError };
  const { message = response.statusText, data } = body.error ?? {};
  const request = data?.requestId === undefined ? '' : `, request ${data.requestId}`;
  return `${response.status} ${data?.code ?? ''}: ${message}${request}`;
}

interface RefusalError {
  readonly message?: string;
  readonly data?: { readonly code?: string; readonly requestId?: string };
}
