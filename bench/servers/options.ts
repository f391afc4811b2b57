import type { JWK } from 'jose';
import type { Era } from '../requests.js';

export const KINDS = ['floor', 'bare', 'naive', 'engine', 'ours', 'stream'] as const;
export type Kind = (typeof KINDS)[number];

/** What every server of the bench is told; each takes what concerns it. */
export interface ServerOptions {
  readonly kind: Kind;
  /** Of an SDK; this template and the floor serve both eras in one process. */
  readonly era?: Era | undefined;
  /** Tools it offers: `echo` and as many others of the same shape. */
  readonly tools: number;
  readonly issuer: string;
  readonly jwks: { readonly keys: readonly JWK[] };
  /** A folder for what it writes. */
  readonly folder: string;
  /** What the floor answers with. */
  readonly bodies?: Readonly<Record<Era, string>>;
  /** Bare SDK 1.x: answers with an event stream instead of JSON. */
  readonly streaming?: boolean;
  /** What the heap may take, MiB; without it, what Node allows on this machine. */
  readonly heapMiB?: number;
  /** Ours: stores that replicas share. */
  readonly redisUrl?: string;
  /** Ours: measure each layer. */
  readonly timeLayers?: boolean;
}

export interface BenchServer {
  readonly port: number;
}
