/** What clients do, well and badly: each visit is one client, from its coming to its going. */
import type { Way } from './client.js';
import { VISITS_2025 } from './visits-2025.js';
import { VISITS_2026, VISITS_TASKS } from './visits-2026.js';
import { VISITS_BAD } from './visits-bad.js';
import { VISITS_SSE } from './visits-sse.js';

export interface Place extends Way {
  /** The process that also speaks HTTP+SSE. */
  readonly alone: URL;
  /** `FILES_ROOT` of the servers. */
  readonly files: string;
  readonly token: string;
}

export type Visits = Readonly<Record<string, (place: Place) => Promise<void>>>;

/** One after the other in turn, so that each run has as many of each. */
export const VISITS: Visits = {
  ...VISITS_2025,
  ...VISITS_2026,
  ...VISITS_TASKS,
  ...VISITS_SSE,
  ...VISITS_BAD,
};
