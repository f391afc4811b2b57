/** One HTTP request in MCP's terms. `envelope` makes it; everything after only reads it. */
export interface Envelope {
  readonly era: '2025' | '2026';
  /** `stream` is the GET of revisions up to 2025-11-25, `end` their DELETE. */
  readonly kind: 'request' | 'notification' | 'response' | 'stream' | 'end';
  /** The JSON-RPC message; absent for `stream` and `end`. */
  readonly message?: JsonRpcMessage;
  /** JSON-RPC id of a request or response. */
  readonly id?: string | number;
  readonly method?: string;
  /** `params.name` of tools/call and prompts/get, `params.uri` of resources/*; `authorize` looks it up. */
  readonly target?: string;
  /** 2026: the revision claimed in `_meta`. 2025: the `MCP-Protocol-Version` header, which may be absent. */
  readonly protocolVersion?: string;
  /** 2025 only: `Mcp-Session-Id`, or its place in the query of HTTP+SSE. */
  readonly sessionId?: string;
  /** Sent over HTTP+SSE (2024-11-05), not over streamable HTTP. */
  readonly isSse?: true;
}

export interface JsonRpcMessage {
  readonly jsonrpc: '2.0';
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}
