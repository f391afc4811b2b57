import type { Config } from '../../config/index.js';

/** The result of a check. A `problem` stops the server or its callers from working; a `warning` is for you to judge. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'problem';
  readonly message: string;
  /** What to do; always given for a warning or a problem. */
  readonly fix?: string;
}

type Found = Finding | readonly Finding[];

/** Checks one subject; returns no finding when the configuration does not use it. */
export type Check = (config: Config, now: Date) => Found | Promise<Found>;

/** Makes the findings of one check. */
export const findingsOf = (check: string) => ({
  ok: (message: string): Finding => ({ check, level: 'ok', message }),
  warning: (message: string, fix: string): Finding => ({ check, level: 'warning', message, fix }),
  problem: (message: string, fix: string): Finding => ({ check, level: 'problem', message, fix }),
});

const DAY_MS = 86_400_000;
/** Keys and certificates get a warning when they expire within this time. */
export const SOON_DAYS = 14;
export const daysUntil = (end: Date, now: Date) => Math.floor((end.getTime() - now.getTime()) / DAY_MS);
