/**
 * What a tool, a resource and a prompt are, and all that they may see. Written once, served in both protocol eras;
 * nothing here knows an SDK, HTTP or a store.
 */
import type { z } from 'zod';
import type { Caller } from '../../identity/caller.js';
import type { Change } from '../../stores/types.js';
import type { Grants } from './grants.js';
import type {
  Annotations,
  AskAnswer,
  AskRequest,
  Content,
  Icon,
  Meta,
  ResourceContents,
  ResourceListing,
} from './content.js';

export type * from './content.js';
export * from './errors.js';
export type { Grants } from './grants.js';

/** The clone's settings; `src/settings.ts` fills it in by declaration merging. */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type
export interface Settings {}
/** The clone's connections; `src/services.ts` fills it in by declaration merging. */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type
export interface Services {}

/** RFC 5424 severities, least severe first, as MCP names them. */
export const LOG_LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Awaited, it settles when there is room for more. A tool that sends more than a client can read must wait for that. */
export type Sent = PromiseLike<void> | void;

/** All that a tool, resource or prompt sees of the call it answers. */
export interface ToolContext {
  readonly caller: Caller;
  readonly settings: Settings;
  readonly services: Services;
  readonly requestId: string;
  /** Aborts when the call is cancelled, times out, or (2026 era) its client hangs up. */
  readonly signal: AbortSignal;
  /** Sends `notifications/message`, unless the client asked for more severe levels only. */
  log(level: LogLevel, data: unknown): Sent;
  /** Sends `notifications/progress`, if the client asked for progress. `done` must grow with each call. */
  progress(done: number, total?: number, message?: string): Sent;
  /** Whether the client declared that it can answer this kind of request; of elicitation, in this mode (default `form`). */
  canAsk(method: AskRequest['method'], mode?: 'form' | 'url'): boolean;
  /**
   * Asks the client's user (elicitation), model (sampling) or workspace (roots), and waits; the tool's clock stops.
   *
   * In the 2026 era the handler is run again from the start with the answers so far, so **no effect may precede an
   * `ask`**, and `key` must name the same question on every run. Asks made together (`Promise.all`) go out together.
   *
   * @throws {MissingCapability} when the client did not declare that it can answer
   * @throws {TypeError} for a URL that breaks a rule of docs/urls.md: nothing is sent
   */
  ask<R extends AskRequest>(key: string, request: R): Promise<AskAnswer<R>>;
  /**
   * Tells the client that the user has done what the URL of this `ask` was for. Only revision 2025-11-25 over HTTP has a
   * notification for it; elsewhere nothing is sent.
   */
  completed(key: string): Sent;
  /** The accounts at other APIs that the caller has connected; `grants` in `main.ts` names the APIs. */
  readonly grants: Grants;
  /** Tells subscribed clients that a list or a resource changed. */
  changed(change: Change): void;
}

/** JSON Schema 2020-12 with an object root, passed to clients verbatim. */
export type JsonSchema = Readonly<Record<string, unknown>> & { readonly type: 'object' };

export type Input = z.ZodObject | JsonSchema;
export type InputOf<I> = I extends z.ZodType ? z.output<I> : Record<string, unknown>;

/** What a tool returns: plain text, or content blocks, or a structured result (its JSON text is added for old clients). */
export type ToolResult<O = unknown> =
  | string
  | { readonly content?: readonly Content[]; readonly structuredContent?: InputOf<O>; readonly _meta?: Meta };

interface Definition {
  /** Unique among its kind; letters, digits, `_`, `-` and `.`, at most 128 (MCP 2025-11-25, tool names). */
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  readonly icons?: readonly Icon[];
  /** Sent as it is. */
  readonly _meta?: Meta;
  /** Scopes a caller needs, besides `REQUIRED_SCOPES`. */
  readonly scopes: readonly string[];
}

export interface ToolDefinition<I extends Input = Input, O extends Input = Input> extends Definition {
  /** A `z.object` takes only what it names, unless it says `.loose()` or `.catchall(…)`; raw JSON Schema says it itself. */
  readonly input: I;
  /** Shape of `structuredContent`; checked before it is sent. */
  readonly output?: O;
  /** MCP's hints to clients (`readOnlyHint`, `destructiveHint`, …). */
  readonly annotations?: {
    readonly readOnlyHint?: boolean;
    readonly destructiveHint?: boolean;
    readonly idempotentHint?: boolean;
    readonly openWorldHint?: boolean;
  };
  /**
   * Whether a call runs on after its answer, for clients that declare `io.modelcontextprotocol/tasks`: `allowed` serves the
   * others with an ordinary call, `always` refuses them. What `authorize` asks is asked before. Default `never`.
   */
  readonly task?: 'never' | 'allowed' | 'always';
  /** Points a call takes from the caller's limit. Default 1. */
  readonly cost?: number;
  /** Arguments whose values may stand in the audit. Default none. */
  readonly auditArguments?: readonly string[];
  /**
   * Decides by the arguments, before `run` and with the same input. Only `true` permits the call. Text, or a `ToolError`,
   * refuses it with these words; anything else, such as another error, with generic ones.
   */
  readonly authorize?: (input: InputOf<I>, context: AuthorizeContext) => Promise<Permission> | Permission;
  readonly run: (input: InputOf<I>, context: ToolContext) => Promise<ToolResult<O>> | ToolResult<O>;
}

/** Nothing by which an effect could come before the decision. What it asks, `run` asks again by the same key. */
export type AuthorizeContext = Pick<
  ToolContext,
  'caller' | 'settings' | 'services' | 'requestId' | 'signal' | 'ask' | 'canAsk'
>;
export type Permission = true | string;

export interface ResourceDefinition extends Definition {
  /** A URI, or an RFC 6570 template with `{name}` or `{+path}` parts only. */
  readonly uri: string;
  readonly mimeType?: string;
  readonly annotations?: Annotations;
  /** Bytes; a template has none. */
  readonly size?: number;
  /** The concrete resources of a template, for `resources/list`. */
  readonly list?: (context: ToolContext) => Promise<readonly ResourceListing[]>;
  /** Candidate values of a template variable, for `completion/complete`; filtered and capped by the caller. */
  readonly complete?: Readonly<Record<string, Completer>>;
  /** The contents, or `undefined` when there is no such resource. */
  readonly read: (
    uri: string,
    variables: Readonly<Record<string, string>>,
    context: ToolContext,
  ) => Promise<ResourceContents | readonly ResourceContents[] | ResourceResult | undefined>;
}

/** For whoever has something to say of all contents together. */
export interface ResourceResult {
  readonly contents: readonly ResourceContents[];
  readonly _meta?: Meta;
}

/** Answers with the values that may follow; `prefix` is what the user has typed. */
export type Completer = (prefix: string, context: ToolContext) => Promise<readonly string[]>;

export interface PromptArgument {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly required?: boolean;
  readonly complete?: Completer;
}

export interface PromptDefinition extends Definition {
  readonly arguments: readonly PromptArgument[];
  readonly render: (
    args: Readonly<Record<string, string>>,
    context: ToolContext,
  ) => Promise<PromptResult> | PromptResult;
}

export type PromptResult =
  | readonly PromptMessage[]
  | { readonly messages: readonly PromptMessage[]; readonly _meta?: Meta };

export interface PromptMessage {
  readonly role: 'user' | 'assistant';
  readonly content: Content;
}

/** Everything a server offers. */
export interface Definitions {
  readonly tools: readonly ToolDefinition[];
  readonly resources: readonly ResourceDefinition[];
  readonly prompts: readonly PromptDefinition[];
  /** `host[:port]` to which an `ask` by URL may send a user, besides that of `PUBLIC_URL`. */
  readonly urlHosts?: readonly string[];
}

/** How a server introduces itself (MCP `Implementation`, and the instructions for the model). */
export interface About {
  readonly title?: string;
  readonly description?: string;
  readonly websiteUrl?: string;
  readonly icons?: readonly Icon[];
  /** Hints for the model on how to use the server as a whole. */
  readonly instructions?: string;
}

/** Opens the clone's connections at start. @throws when one cannot be opened: the server then does not start */
export type OpenServices = (settings: Settings) => Promise<Services & { close(): Promise<void> }>;

/** Types a tool's input and output from its schemas. */
export function defineTool<I extends Input, O extends Input = Input>(
  definition: ToolDefinition<I, O>,
): ToolDefinition {
  return definition;
}

export function defineResource(definition: ResourceDefinition): ResourceDefinition {
  return definition;
}

export function definePrompt(definition: PromptDefinition): PromptDefinition {
  return definition;
}
