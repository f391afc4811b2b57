import { createSecretKey, type KeyObject } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { RefusedRequest } from '../refusal.js';
import { AuditChain } from './audit-chain.js';
import { AuditCheckpoints } from './audit-checkpoints.js';
import type { AuditFacts, AuditHead } from './audit-record.js';
import type { AuditSink } from './audit-sinks.js';
import { digest, type RequestTrail, sessionDigests, Trail } from './audit-trail.js';
import { LineWriter, type LineWriterOptions } from './line-writer.js';
import type { Metrics } from './metrics.js';

/** How long a tool waits for its record in `strict` mode, and a shutdown for the last ones. */
const WRITE_DEADLINE_MS = 1000;
const FLUSH_DEADLINE_MS = 5000;

export interface AuditOptions extends LineWriterOptions {
  /** Each sink gets every record. A request is served as long as one of them works. */
  readonly sinks: readonly AuditSink[];
  /** `strict`: a tool waits until its record is written. `batch`: a tool runs while its record is in the queue. */
  readonly mode: 'strict' | 'batch';
  /** The key of the digests of session ids and arguments. */
  readonly hmacKey: Buffer;
  /** Default: the host's name, which in Kubernetes is the pod's. */
  readonly replica?: string;
  /** An Ed25519 private key; it needs a `checkpointSink`, and the other way round. */
  readonly signingKey?: KeyObject | undefined;
  readonly checkpointSink?: AuditSink | undefined;
  readonly metrics?: Pick<Metrics, 'auditDropped' | 'auditWritten' | 'request'>;
}

export type Audit = ReturnType<typeof openAudit>;

/** The audit of this process. Records go to every sink; none is sampled. */
export function openAudit(options: AuditOptions) {
  const { sinks, mode, replica = hostname(), metrics, onProblem } = options;
  if (sinks.length === 0) throw new TypeError('openAudit: give at least one sink');
  const hmacKey = createSecretKey(options.hmacKey);
  const recorder = { hmacKey, sessionDigest: sessionDigests(hmacKey), write, received };
  const writers = sinks.map((sink) => new LineWriter(sink, options));
  const chain = new AuditChain(sinks);
  const checkpoints = openCheckpoints();
  const opened = new Set([...writers, ...(checkpoints ? [checkpoints.writer] : [])]);

  function openCheckpoints(): AuditCheckpoints | undefined {
    const { signingKey: key, checkpointSink } = options;
    if (!key !== !checkpointSink)
      throw new TypeError('openAudit: a signing key needs a sink for checkpoints, and it needs a key');
    if (!key || !checkpointSink) return undefined;
    // Two writers to one pipe could mix their lines.
    const shared = writers[sinks.findIndex((sink) => isDeepStrictEqual(sink, checkpointSink))];
    const writer = shared ?? new LineWriter(checkpointSink, onProblem ? { onProblem } : {});
    return new AuditCheckpoints({ key, replica, chain: chain.id, writer });
  }

  function write(
    stage: AuditHead['stage'],
    { requestId, facts, isAccepted }: Trail,
    written?: () => void,
  ): void {
    const time = new Date().toISOString();
    const { text, hash } = chain.append({ schema: 1, time, replica, stage, requestId }, facts);
    const line = {
      text,
      bytes: Buffer.byteLength(text),
      written: checkpoints?.append(hash, written) ?? written,
    };
    for (const writer of writers) writer.push(line, isAccepted);
    if (stage === 'completed' || stage === 'stream-close') metrics?.request(facts);
  }

  async function received(trail: Trail): Promise<void> {
    if (!accepting()) throw new RefusedRequest('audit_unavailable');
    if (mode === 'batch') return write('received', trail);
    await new Promise<void>((resolve, reject) => {
      const refuse = () => reject(new RefusedRequest('audit_unavailable'));
      const deadline = setTimeout(refuse, WRITE_DEADLINE_MS);
      write('received', trail, () => {
        clearTimeout(deadline);
        resolve();
      });
    });
  }

  /** Whether a new request can be audited; if not, it must be refused. */
  function accepting(): boolean {
    return writers.some((w) => w.hasRoom() && (mode === 'batch' || w.healthy()));
  }

  /** Settles when every record is written, or after five seconds. */
  async function flush(): Promise<void> {
    await withinDeadline(writers.map((w) => w.drained()));
  }

  return {
    /** Begins the audit of one request. That of one which is refused because it came while not `accepting` has no reserve. */
    trail: (requestId: string, facts: AuditFacts, isAccepted = true): RequestTrail =>
      new Trail(requestId, facts, isAccepted, recorder),
    /** Names a task without its id. */
    taskDigest: (id: string) => digest(hmacKey, 'task', id),
    accepting,
    /** Whether a sink works now, for `/readyz`. */
    healthy: () => writers.some((w) => w.healthy()),
    /** Queue of the sink that is furthest behind. */
    queuedBytes: () => Math.max(...writers.map((w) => w.queuedBytes())),
    /** Reopens the files by name (SIGHUP, log rotation). */
    reopen: async () => void (await Promise.all([...opened].map((w) => w.reopen()))),
    flush,
    async close() {
      await flush();
      checkpoints?.take();
      if (checkpoints) await withinDeadline([checkpoints.writer.drained()]);
      await withinDeadline([...opened].map((w) => w.close()));
    },
  };
}

async function withinDeadline(work: readonly Promise<void>[]): Promise<void> {
  const stop = new AbortController();
  const deadline = delay(FLUSH_DEADLINE_MS, undefined, { signal: stop.signal }).catch(() => {});
  await Promise.race([Promise.all(work), deadline]);
  stop.abort();
}
