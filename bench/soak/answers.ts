/** Whether clients were answered as the documents say: as they expected or, while something is broken, with a refusal. */
import type { Fault } from './faults.js';
import type { Sent } from './ledger.js';
import type { Visit } from './traffic.js';

/** A server may notice the end of a fault a little late. */
const LATE_MS = 1000;

export interface Judged {
  /** What no client may ever see. */
  readonly wrong: readonly string[];
  /** Refused with 503, and no fault explains it. */
  readonly unexplained: readonly string[];
}

export function judgeAnswers(sent: readonly Sent[], faults: readonly Fault[]): Judged {
  const answered = sent.filter(({ status }) => status !== undefined);
  return {
    wrong: answered.flatMap((one) => {
      const why = whyWrong(one);
      return why === undefined ? [] : [textOf(one, why)];
    }),
    unexplained: answered
      .filter((one) => one.status === 503 && !isExcused(spanOf(one), faults))
      .map((one) => textOf(one, 'while nothing was broken')),
  };
}

function whyWrong({ status = 0, requestId, retryAfter }: Sent): string | undefined {
  if (requestId === undefined) return 'has no X-Request-Id';
  if (status === 503 && retryAfter === undefined) return 'has no Retry-After';
  return status >= 500 && status !== 503 ? 'is never an answer' : undefined;
}

/** A client got something else than it expected. What an outage lost it could not resume. */
export function failedVisits(visits: readonly Visit[], faults: readonly Fault[]): readonly Visit[] {
  return visits.filter(
    (visit) => visit.outcome === 'failed' || (visit.outcome === 'lost' && !isExcused(visit, faults)),
  );
}

/** Whether it began before the end of an outage, and ended after its beginning. */
function isExcused({ from, to }: Pick<Visit, 'from' | 'to'>, faults: readonly Fault[]): boolean {
  return faults.some((fault) => fault.isOutage && from <= fault.to + LATE_MS && to >= fault.from);
}

const spanOf = ({ sentAt, answeredAt = sentAt }: Sent) => ({ from: sentAt, to: answeredAt });

const textOf = ({ what, sentAt, status, text = '' }: Sent, why: string) =>
  `${new Date(sentAt).toISOString()} ${what}: ${status} ${why}: ${text}`;
