import type { Config } from '../../config/index.js';

/** What a check saw. A `problem` keeps the server, or its callers, from working; a `warning` is for you to judge. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'problem';
  readonly message: string;
  /** What to do; there is one for everything that is not ok. */
  readonly fix?: string;
}

type Found = Finding | readonly Finding[];

/** Tries one thing; it finds nothing where the configuration has no use for it. */
export type Check = (config: Config, now: Date) => Found | Promise<Found>;

/** How a check says what it saw. */
export const findingsOf = (check: string) => ({
  ok: (message: string): Finding => ({ check, level: 'ok', message }),
  warning: (message: string, fix: string): Finding => ({ check, level: 'warning', message, fix }),
  problem: (message: string, fix: string): Finding => ({ check, level: 'problem', message, fix }),
});

const DAY_MS = 86_400_000;
/** What ends within so many days is worth a warning. */
export const SOON_DAYS = 14;
export const daysUntil = (end: Date, now: Date) => Math.floor((end.getTime() - now.getTime()) / DAY_MS);
