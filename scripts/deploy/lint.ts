/** What schemas cannot see, all of it. */
import { alertProblems, AVAILABILITY_RULES } from './lint-availability.js';
import { POD_RULES } from './lint-pods.js';
import { REFERENCE_RULES } from './lint-references.js';
import { ROUTE_RULES } from './lint-routes.js';
import { SERVER_RULES } from './lint-server.js';
import { WAY_IN_RULES } from './lint-ways-in.js';
import type { Manifest, Problem } from './manifest.js';

const RULES = [
  ...POD_RULES,
  ...SERVER_RULES,
  ...REFERENCE_RULES,
  ...ROUTE_RULES,
  ...WAY_IN_RULES,
  ...AVAILABILITY_RULES,
];

export async function lint(manifests: readonly Manifest[]): Promise<readonly Problem[]> {
  return [...RULES.flatMap((rule) => rule(manifests)), ...(await alertProblems(manifests))];
}
