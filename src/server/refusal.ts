/**
 * The closed set of refusals: every error answer of the layers, with its HTTP status and JSON-RPC code.
 *
 * `error.code` is what JSON-RPC 2.0 or the MCP specification defines for the case; where neither does, it is the
 * HTTP status as a number, which lies outside the ranges that both reserve.
 */
const REFUSALS = {
  host_not_allowed: { status: 403, message: 'Host not allowed' },
  origin_not_allowed: { status: 403, message: 'Origin not allowed' },
  malformed_request: { status: 400, message: 'Malformed HTTP request' },
  not_found: { status: 404, message: 'Not found' },
  method_not_allowed: { status: 405, message: 'Method not allowed' },
  not_acceptable: { status: 406, message: 'Not acceptable' },
  unsupported_media_type: { status: 415, message: 'Unsupported media type' },
  body_too_large: { status: 413, message: 'Request body too large' },
  malformed_json: { status: 400, rpcCode: -32700, message: 'Parse error' },
  malformed_message: { status: 400, rpcCode: -32600, message: 'Invalid request' },
  header_mismatch: { status: 400, rpcCode: -32020, message: 'Header mismatch' },
  unsupported_version: { status: 400, rpcCode: -32022, message: 'Unsupported protocol version' },
  missing_capability: { status: 400, rpcCode: -32021, message: 'Missing required client capability' },
  session_required: { status: 400, message: 'Session required: send initialize first' },
  session_not_found: { status: 404, message: 'Session not found' },
  credentials_missing: { status: 401, message: 'Credentials required' },
  credentials_invalid: { status: 401, message: 'Credentials not accepted' },
  credentials_ambiguous: { status: 400, message: 'Send exactly one credential' },
  insufficient_scope: { status: 403, message: 'Insufficient scope' },
  rate_limited: { status: 429, message: 'Too many requests' },
  too_many_sessions: { status: 429, message: 'Too many sessions' },
  too_many_streams: { status: 429, message: 'Too many open streams' },
  overloaded: { status: 503, message: 'Server overloaded' },
  store_unavailable: { status: 503, message: 'Store unavailable' },
  issuer_unavailable: { status: 503, message: 'Authorization server unavailable' },
  audit_unavailable: { status: 503, message: 'Audit unavailable' },
  internal: { status: 500, rpcCode: -32603, message: 'Internal error' },
} as const satisfies Record<string, { status: number; rpcCode?: number; message: string }>;

export type RefusalCode = keyof typeof REFUSALS;

export const REFUSAL_CODES = Object.keys(REFUSALS) as readonly RefusalCode[];

export interface RefusalOptions {
  /** For the audit and the log only; never sent. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Response headers this refusal needs (`Allow`, `WWW-Authenticate`, `Retry-After`, …). */
  readonly headers?: Readonly<Record<string, string>>;
  /** Overrides the status where the contract names several for one code (`malformed_request`: 400, 408, 417, 431, 501). */
  readonly status?: number;
  /** Overrides the JSON-RPC code where the specification names another for the case (`-32602`, `-32601`). */
  readonly rpcCode?: number;
  /** Our own words for the client; must never contain a value the client sent. */
  readonly message?: string;
  /** Public members added to `error.data` (`supported`, `requiredCapabilities`). */
  readonly data?: Readonly<Record<string, unknown>>;
  /** The id of the refused JSON-RPC request, once the envelope knows it. */
  readonly id?: string | number;
}

/** A request we refuse. `code`, `message`, `headers` and `data` reach the client; `detail` only the audit and the log. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
  readonly status: number;
  readonly rpcCode: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: RefusalCode,
    readonly options: RefusalOptions = {},
  ) {
    const known: { status: number; rpcCode?: number; message: string } = REFUSALS[code];
    super(options.message ?? known.message);
    this.status = options.status ?? known.status;
    this.rpcCode = options.rpcCode ?? known.rpcCode ?? this.status;
    this.headers = options.headers ?? {};
  }

  get detail() {
    return this.options.detail;
  }

  /** What the audit records about it. */
  get facts() {
    const { code: reason, rpcCode, detail } = this;
    return { decision: 'deny', reason, 'rpc.code': rpcCode, ...(detail && { detail }) } as const;
  }

  /** The JSON-RPC error object sent to the client (JSON-RPC 2.0 §5.1). */
  toBody(requestId: string, knownId?: string | number): object {
    const id = this.options.id ?? knownId ?? null;
    const data = { ...this.options.data, code: this.code, requestId };
    return { jsonrpc: '2.0', id, error: { code: this.rpcCode, message: this.message, data } };
  }
}
