/** Puts the records of a call together: `received`, `stream-open`, and how it ended. */
import type { AuditRecord } from '../../observe/audit-record.js';
import { isRecord, readObject } from './record.js';

/** What is known of a call: a later record says more than an earlier one. */
export interface Call extends AuditRecord {
  readonly stages: readonly Pick<AuditRecord, 'stage' | 'time' | 'seq'>[];
}

const isEnd = ({ stage }: AuditRecord) => stage === 'completed' || stage === 'stream-close';

export class Calls {
  readonly #open = new Map<string, Call>();

  /** @returns the call, once it has ended or has become a stream */
  add(line: Buffer): Call | undefined {
    const record = readObject(line);
    if (record === undefined || !isRecord(record)) return undefined;
    const id = `${record.chain} ${record.requestId}`;
    const { stage, time, seq } = record;
    const before = this.#open.get(id);
    const call: Call = Object.assign({}, before, record, {
      stages: [...(before?.stages ?? []), { stage, time, seq }],
    });
    if (isEnd(record)) this.#open.delete(id);
    else this.#open.set(id, call);
    return stage === 'received' ? undefined : call;
  }

  /** The calls without an end: they run still, or their process ended before them. */
  unended(): Iterable<Call> {
    return this.#open.values();
  }
}
