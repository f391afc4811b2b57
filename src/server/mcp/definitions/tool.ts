/**
 * What a tool, a resource and a prompt are. Written once, served in both protocol eras; nothing here knows an SDK, HTTP or
 * a store.
 */
import type { z } from 'zod';
import type { Annotations, Content, Icon, Meta, ResourceContents, ResourceListing } from './content.js';
import type { Services, Settings, ToolContext } from './context.js';

export type * from './content.js';
export * from './context.js';
export * from './errors.js';
export type { Grants } from './grants.js';

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
