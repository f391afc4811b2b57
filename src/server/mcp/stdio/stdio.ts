/**
 * Serves the shared handlers over stdio, for both eras. The SDK's entry point speaks the 2025 handshake and revision
 * 2026-07-28. For 2025 clients it turns our `input_required` results into requests.
 */
import { randomUUID } from 'node:crypto';
import { type Implementation, Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import type { RefusedRequest } from '../../refusal.js';
import type { Change, ChangeBus, Subscription } from '../../stores/types.js';
import { INVALID_PARAMS, type Params, type Result, RpcError } from '../calls/call.js';
import type { SharedMethod } from '../calls/handlers.js';
import {
  allChanges,
  changeNotification,
  MAX_SUBSCRIPTIONS,
  TOO_MANY_SUBSCRIPTIONS,
} from '../calls/notifications.js';
import { type Introduction, isOffered } from '../definitions/server-info.js';
import { createRequestStates, type RequestStateOptions } from '../era-2026/request-state.js';
import { type Extension, withExtensions } from '../extensions/extension.js';
import { StdioTransport, type StdioTransportOptions } from './transport.js';
import { type AnswerOptions, answerRequest } from './answer-request.js';

export interface StdioOptions extends AnswerOptions, Introduction {
  readonly extensions: readonly Extension[];
  readonly changes: Pick<ChangeBus, 'subscribe'>;
  readonly requestState: RequestStateOptions;
  /** How long a 2025 client has for an answer, in milliseconds. */
  readonly askTimeoutMs: number;
  /** Limits of one line, those of an HTTP body. */
  readonly limits: StdioTransportOptions['limits'];
}

export interface StdioConnection {
  /** Settles when stdin has ended and everything read from it is answered. */
  readonly ended: Promise<void>;
  /** Stops reading, answers what was read, and ends. */
  close(): Promise<void>;
}

/** Serves the one client at the other end of stdin and stdout. */
export function serveOverStdio(options: StdioOptions): StdioConnection {
  const states = createRequestStates(options.requestState);
  const jsonSchemaValidator = new AjvJsonSchemaValidator();
  const running = new Set<Promise<Result>>();
  const transport = new StdioTransport({
    stdin: process.stdin,
    stdout: process.stdout,
    limits: options.limits,
    onRefused: (refusal) => refuse(refusal, options),
  });
  const connection = serveStdio(
    ({ era }) => {
      const server = new Server(options.serverInfo as Implementation, {
        ...(options.instructions !== undefined && { instructions: options.instructions }),
        capabilities: withExtensions(
          options.capabilities,
          options.extensions.filter(({ open }) => !open), // what it opens is served over HTTP alone
          era === 'modern' ? '2026' : '2025',
        ),
        jsonSchemaValidator,
        inputRequired: { roundTimeoutMs: options.askTimeoutMs },
      });
      for (const method of Object.keys(options.handlers) as SharedMethod[]) {
        // The SDK throws for a method whose capability is not declared, and the process would end.
        if (!isOffered(method, options.capabilities)) continue;
        // The cast: the name only selects the schema of the params.
        server.setRequestHandler(
          method as 'completion/complete',
          async ({ params = {} }: { params?: Params }, ctx) => {
            const answered = answerRequest({ method, params, era, server, ctx, transport }, options, states);
            running.add(answered);
            return (await answered.finally(() => running.delete(answered))) as never;
          },
        );
      }
      tellChanges(server, options);
      return server;
    },
    { transport, onerror: (err) => options.logger.warn({ err }, 'stdio') },
  );
  return {
    ended: transport.ended,
    async close() {
      transport.stopReading();
      await transport.ended;
      await connection.close(); // ends cancelled calls
      await Promise.allSettled(running); // so that the audit records their end
    },
  };
}

/** Answers as over HTTP, and writes the audit record. */
function refuse(refusal: RefusedRequest, { audit, caller }: StdioOptions): object {
  const trail = audit.trail(randomUUID(), { caller: { ...caller }, ...refusal.facts });
  trail.end();
  return refusal.toBody(trail.requestId);
}

/** Sends the changes to the one client: of resources, only those that it subscribed to. */
function tellChanges(server: Server, { catalog, changes, capabilities }: StdioOptions): void {
  const tell = (change: Change) => void server.notification(changeNotification(change)).catch(() => {}); // the client has gone
  const lists = changes.subscribe(allChanges([]), tell);
  const subscribed = new Map<string, Subscription>();
  if (isOffered('resources/subscribe', capabilities)) {
    server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
      if (!catalog.findResource(uri)) throw new RpcError(INVALID_PARAMS, 'Resource not found');
      if (!subscribed.has(uri) && subscribed.size >= MAX_SUBSCRIPTIONS)
        throw new RpcError(INVALID_PARAMS, TOO_MANY_SUBSCRIPTIONS);
      if (!subscribed.has(uri)) subscribed.set(uri, changes.subscribe([{ kind: 'resource', uri }], tell));
      return {};
    });
    server.setRequestHandler('resources/unsubscribe', ({ params }) => {
      subscribed.get(params.uri)?.stop();
      subscribed.delete(params.uri);
      return {};
    });
  }
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a property of the SDK's `Server`, no event target
  server.onclose = () => [lists, ...subscribed.values()].forEach(({ stop }) => stop());
}
