/**
 * What the layers learn about a request, in the order of an audit line. The names are fixed, since other programs parse them.
 * Never contains header values, arguments or results; a session is an HMAC of its id.
 *
 * A class, because its fields give the lines their order, and because an object that grows key by key is slow.
 */
export class AuditFacts {
  clientRequestId?: string;
  /** Of the caller's `traceparent` header. */
  traceId?: string;
  'client.address'?: string;
  'http.method'?: string;
  'http.path'?: string;
  'http.status'?: number;
  'mcp.era'?: '2025' | '2026';
  'mcp.protocol.version'?: string;
  'mcp.method.name'?: string;
  'gen_ai.tool.name'?: string;
  'mcp.resource.uri'?: string;
  'mcp.session'?: string;
  /** HMAC of the id of a task. */
  'mcp.task'?: string;
  decision?: 'allow' | 'deny';
  /** The refusal code. */
  reason?: string;
  'rpc.code'?: number;
  durationMs?: number;
  bytesIn?: number;
  bytesOut?: number;
  caller?: {
    readonly issuer: string;
    readonly subject: string;
    readonly clientId?: string;
    readonly keyId?: string;
    readonly method: string;
    readonly scopes: readonly string[];
  };
  /** Why, for the operator only (e.g. `expired`, `unknown_key`); never sent to the client. */
  detail?: Readonly<Record<string, unknown>>;
  arguments?: {
    readonly digest: string;
    readonly bytes: number;
    readonly values?: Readonly<Record<string, unknown>>;
  };
  truncated?: boolean;
}

/** The beginning of a line, before the facts. */
export interface AuditHead {
  readonly schema: 1;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  /** Counts up by one per process: a gap is a lost record. */
  readonly seq: number;
  readonly replica: string;
  /** Names the chain of this process: `seq` is the record's place in it. */
  readonly chain: string;
  readonly stage: 'received' | 'completed' | 'stream-open' | 'stream-close';
  readonly requestId: string;
  /**
   * The `hash` of the record before it. The first of a process follows what it finds at the end of its audit file: that
   * chains the audit across restarts. Zeros when nothing is before it.
   */
  readonly prev: string;
}

/** One line of the audit. */
export type AuditRecord = AuditHead & AuditFacts & { readonly hash: string };

/** The audit of one request: its facts so far, and its stages. The audit layer makes it, the others add to it. */
export interface AuditTrail {
  readonly requestId: string;
  readonly facts: Readonly<AuditFacts>;
  /** Adds facts; a later value replaces an earlier one. */
  note(facts: AuditFacts): void;
  /** Notes the session by its HMAC, never by its id. */
  session(id: string): void;
  /** Notes the HMAC digest and size of the arguments as received, and the values that the tool declares safe. */
  arguments(received: Uint8Array | string, args: unknown, safe?: readonly string[]): void;
  /**
   * Writes the `received` record before a tool runs. In `strict` mode it waits until a sink has the record, and rejects with
   * `RefusedRequest('audit_unavailable')` when none has it within a second.
   */
  received(): Promise<void>;
  /** Writes `stream-open`; the end of the response then writes `stream-close` instead of `completed`. */
  streamOpen(): void;
}
