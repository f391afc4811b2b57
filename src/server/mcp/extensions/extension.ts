/** What an extension of MCP adds to the server. Nothing of it is reached unless `main.ts` lists it. */
import type { Caller } from '../../identity/caller.js';
import type { Audit } from '../../observe/audit.js';
import type { Logger } from '../../observe/logger.js';
import { RefusedRequest } from '../../refusal.js';
import type { Stores } from '../../stores/types.js';
import type { Challenge } from '../calls/authorize.js';
import type { Call, Params, Result } from '../calls/call.js';
import type { Catalog } from '../definitions/catalog.js';
import type { Capabilities } from '../definitions/server-info.js';
import type { Definitions } from '../definitions/tool.js';
import type { Envelope } from '../envelope/message.js';

/** The extension by which a call runs on after its answer (SEP-2663). */
export const TASKS = 'io.modelcontextprotocol/tasks';

export interface Extension {
  /** Names its capability, e.g. `io.modelcontextprotocol/ui`. */
  readonly id: string;
  /** What the server declares of it, in each era that has it. */
  readonly declares: Readonly<Partial<Record<Envelope['era'], Params>>>;
  /** Checks and completes the definitions at start. @throws {TypeError} naming the one at fault */
  readonly prepare?: (definitions: Definitions) => Definitions;
  /** Opens what it adds to revision 2026-07-28 over HTTP besides. */
  readonly open?: (parts: ExtensionParts) => Omit<OpenExtension, 'id'>;
}

export interface ExtensionParts {
  readonly catalog: Catalog;
  readonly stores: Pick<Stores, 'tasks' | 'rateLimits'>;
  readonly challenge: Challenge;
  readonly audit: Pick<Audit, 'trail' | 'taskDigest'>;
  readonly logger: Logger;
}

/** All of it is for clients that declare the extension with the request; the others get `missing_capability`. */
export interface OpenExtension {
  readonly id: string;
  readonly methods: Readonly<Record<string, (params: Params, call: Call) => Promise<Result>>>;
  readonly asTask?: NonNullable<Call['asTask']>;
  /** What a `subscriptions/listen` asks of it; `undefined` when that is nothing. */
  readonly listen?: (filter: Params, caller: Caller) => Promise<Listening | undefined>;
  /** Waits for the work that goes on after its request. */
  drain(): Promise<void>;
  /** Ends, with a reason, what the drain did not wait for. */
  close(): Promise<void>;
}

export interface Listening {
  /** The part of the filter that this caller is told about. */
  readonly honoured: Params;
  /** Returns the way to stop. */
  start(send: (method: string, params: Params) => void): () => void;
}

/** The definitions as they are served. @throws {TypeError} naming the one at fault */
export function prepareDefinitions(listed: readonly Extension[], given: Definitions): Definitions {
  return listed.reduce((before, { prepare }) => prepare?.(before) ?? before, given);
}

export function openExtensions(
  listed: readonly Extension[],
  parts: ExtensionParts,
): readonly OpenExtension[] {
  return listed.flatMap(({ id, open }) => (open ? [{ id, ...open(parts) }] : []));
}

/** The capabilities of one era: those of the server, and its extensions (MCP, `ServerCapabilities.extensions`). */
export function withExtensions(
  capabilities: Capabilities,
  listed: readonly Extension[],
  era: Envelope['era'],
): Capabilities {
  const declared = listed.flatMap(({ id, declares }) =>
    declares[era] ? [[id, declares[era]] as const] : [],
  );
  return declared.length === 0 ? capabilities : { ...capabilities, extensions: Object.fromEntries(declared) };
}

/** Whether a client declared an extension with its request. */
export function declaresExtension(id: string, { extensions }: Params): boolean {
  return typeof extensions === 'object' && extensions !== null && Object.hasOwn(extensions, id);
}

/** `-32021`, naming the extension that the client would have to declare. */
export function extensionRequired(id: string): RefusedRequest {
  return new RefusedRequest('missing_capability', {
    data: { requiredCapabilities: { extensions: { [id]: {} } } },
  });
}
