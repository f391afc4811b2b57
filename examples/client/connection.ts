/** A connection to a server in either protocol era. */
import {
  Client,
  LOG_LEVEL_META_KEY,
  ProtocolError,
  type RequestOptions,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { createAnswerer } from './ask-user.js';
import type { Arguments } from './arguments.js';
import type { Display } from './display.js';
import { followTask, type Task, type TaskParams, TASKS } from './follow-task.js';
import { createMessageHandler } from './message-handler.js';

const CLIENT = { name: 'example-client', version: '1.0.0' };
const CAPABILITIES = { elicitation: { form: {}, url: {} }, extensions: { [TASKS]: {} } };
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
  let task: Task | undefined;
  const noting: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    if (!response.ok) refusals.push(await describeRefusal(response.clone()));
    return response;
  };
  const transport = new StreamableHTTPClientTransport(args.url, {
    requestInit: { headers: args.headers },
    fetch: noting,
  });
  // The SDK calls this for every message and then handles the message itself.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is no EventTarget
  transport.onmessage = createMessageHandler(display, (handle) => (task = handle));
  const client = new Client(CLIENT, {
    capabilities: CAPABILITIES,
    versionNegotiation: { mode: negotiationOf(args.era) },
  });
  const answer = createAnswerer(display, args.yes);
  client.setRequestHandler('elicitation/create', answer);

  return {
    client,
    async open() {
      await client.connect(transport);
      display.line(`connected, revision ${client.getNegotiatedProtocolVersion()}`, 'dim');
      if (client.getProtocolEra() === 'legacy') await client.setLoggingLevel(args.logLevel);
    },

    async callTool(name, toolArguments, signal) {
      // The 2026 era has no session to keep a level in: every request says its own.
      const meta = { [LOG_LEVEL_META_KEY]: args.logLevel };
      const _meta = client.getProtocolEra() === 'legacy' ? {} : meta;
      const options: RequestOptions = { signal, timeout: CALL_TIMEOUT_MS, onprogress: () => {} }; // asks for progress
      try {
        return await client.callTool({ name, arguments: toolArguments, _meta }, options);
      } catch (error) {
        if (!task) throw error; // the SDK takes no handle for a result
        const send = (method: string, params: TaskParams) => sendByHand(args, noting, method, params);
        return followTask(task, { send, answer, display, signal });
      }
    },

    refusal: () => refusals.at(-1),

    async close() {
      if (transport.sessionId !== undefined) await transport.terminateSession().catch(() => {});
      await client.close();
    },
  };
}

/** One request of the 2026 era. @throws {ProtocolError} */
async function sendByHand(
  { url, headers }: Arguments,
  send: typeof fetch,
  method: string,
  params: TaskParams,
) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION_2026,
    'io.modelcontextprotocol/clientInfo': CLIENT,
    'io.modelcontextprotocol/clientCapabilities': CAPABILITIES,
  };
  const response = await send(url, {
    method: 'POST',
    headers: {
      ...headers,
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      'MCP-Protocol-Version': REVISION_2026,
      'Mcp-Method': method,
      'Mcp-Name': params.taskId,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: method, method, params: { ...params, _meta } }),
  });
  const { result, error } = (await response.json()) as { result?: object; error?: ProtocolError };
  if (!result) throw new ProtocolError(error?.code ?? 0, error?.message ?? response.statusText);
  return result;
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
