/** Caches the answers to list methods as bytes, one for each set of scopes. */
import type { Request } from 'express';
import type { Caller } from '../../identity/caller.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import { hasToken } from './scopes.js';

/** Methods whose answer depends only on the scopes and the definitions, which do not change while the process runs. */
const METHODS: ReadonlySet<string> = new Set(['tools/list', 'prompts/list', 'resources/templates/list']);
/** Bounds the memory: there are as many entries as the operator's keys have sets of scopes. */
const MAX_PREPARED = 256;
const META = 'io.modelcontextprotocol/';
/** Members that do not affect a list; the envelope has checked their values. */
const PLAIN_META: ReadonlySet<string> = new Set([
  'progressToken',
  ...['protocolVersion', 'clientInfo', 'clientCapabilities', 'logLevel'].map((name) => META + name),
]);

export type PreparedLists = ReturnType<typeof createPreparedLists>;

/** For one era; the other one's answers differ. */
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
    /** Keeps the answer of an engine for later requests. */
    keep: (req: Request, { result }: JsonRpcMessage): void => {
      const key = keyOf(req);
      if (key === undefined || result === undefined || prepared.size >= MAX_PREPARED) return;
      prepared.set(key, Buffer.from(`{"jsonrpc":"2.0","result":${JSON.stringify(result)},"id":`));
    },
  };
}

/** All that `mayList` reads. As JSON, no key's scopes can equal the entry for tokens, which see everything. */
function scopesOf(caller: Caller): string {
  return JSON.stringify(hasToken(caller) ? null : caller.scopes);
}

/** Whether the engine would have nothing to check in these params. */
function isPlain({ _meta: meta = {}, ...rest }: Readonly<Record<string, unknown>> = {}): boolean {
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) return false;
  return Object.keys(rest).length === 0 && Object.keys(meta).every((name) => PLAIN_META.has(name));
}
