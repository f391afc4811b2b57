/** Answers to list methods as bytes: an engine makes each once for a set of scopes, and it is sent as it is from then on. */
import type { Request } from 'express';
import type { Caller } from '../../identity/caller.js';
import type { JsonRpcMessage } from '../envelope/message.js';

/** What only the definitions and the scopes decide, and the definitions stay as they are while the process runs. */
const METHODS: ReadonlySet<string> = new Set(['tools/list', 'prompts/list', 'resources/templates/list']);
/** Sets of scopes are as many as the operator's keys have; a bound on what their lists take. */
const MAX_PREPARED = 256;
const META = 'io.modelcontextprotocol/';
/** What changes nothing in a list; the values were checked with the envelope. */
const PLAIN_META: ReadonlySet<string> = new Set([
  'progressToken',
  ...['protocolVersion', 'clientInfo', 'clientCapabilities', 'logLevel'].map((name) => META + name),
]);

export type PreparedLists = ReturnType<typeof createPreparedLists>;

/** For one era: the other answers with other bytes. */
export function createPreparedLists() {
  const prepared = new Map<string, Buffer>();
  const keyOf = ({ envelope: { method = '', message }, caller }: Request): string | undefined =>
    METHODS.has(method) && isPlain(message?.params) ? `${method} ${scopesOf(caller)}` : undefined;

  return {
    /**
     * The answer to a request for a list, as the bytes up to the request's id and the text that ends them with it;
     * `undefined` where an engine must look at it.
     */
    find: (req: Request): readonly [start: Buffer, end: string] | undefined => {
      const start = prepared.get(keyOf(req) ?? '');
      return start && [start, `${JSON.stringify(req.envelope.id)}}`];
    },
    /** Keeps the answer of an engine for the next that asks for the same. */
    keep: (req: Request, { result }: JsonRpcMessage): void => {
      const key = keyOf(req);
      if (key === undefined || result === undefined || prepared.size >= MAX_PREPARED) return;
      prepared.set(key, Buffer.from(`{"jsonrpc":"2.0","result":${JSON.stringify(result)},"id":`));
    },
  };
}

/** All that `mayList` looks at. JSON, and not a scope of a token's list: no key's scopes can spell what a token sees. */
function scopesOf({ method, scopes }: Caller): string {
  return JSON.stringify(method === 'jwt' ? null : scopes);
}

/** Only then nothing is left for an engine to check. */
function isPlain({ _meta: meta = {}, ...rest }: Readonly<Record<string, unknown>> = {}): boolean {
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) return false;
  return Object.keys(rest).length === 0 && Object.keys(meta).every((name) => PLAIN_META.has(name));
}
