/** Which calls a person wants to see. */
import type { Call } from './calls.js';

export const FILTERS = ['caller', 'tool', 'decision', 'since', 'until', 'request'] as const;
export type Filters = Readonly<Partial<Record<(typeof FILTERS)[number], string | undefined>>>;

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** @throws {RangeError} for a time or a decision that there is not */
export function filter(given: Filters, now = Date.now()): (call: Call) => boolean {
  const { caller, tool, decision, request } = given;
  const [since, until] = [timeOf(given.since, now) ?? -Infinity, timeOf(given.until, now) ?? Infinity];
  if (decision !== undefined && decision !== 'allow' && decision !== 'deny') {
    throw new RangeError('a decision is allow or deny');
  }
  return (call) =>
    (caller === undefined || namesOf(call).includes(caller)) &&
    (tool === undefined || call['gen_ai.tool.name'] === tool) &&
    (decision === undefined || call.decision === decision) &&
    (request === undefined || call.requestId === request || call.clientRequestId === request) &&
    call.stages.some(({ time }) => Date.parse(time) >= since && Date.parse(time) <= until);
}

function namesOf({ caller }: Call): readonly (string | undefined)[] {
  return [caller?.subject, caller?.clientId, caller?.keyId, `${caller?.issuer} ${caller?.subject}`];
}

function timeOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const time = unit ? now - Number(amount) * UNITS[unit as keyof typeof UNITS] : Date.parse(text);
  if (Number.isNaN(time)) throw new RangeError('a time is 2026-11-29T08:00:00Z, or 90m for 90 minutes ago');
  return time;
}
