/** Rules that no schema and no general linter has: for this server, its settings and its routes. */
import { alertProblems } from './lint-metrics.js';
import { NETWORK_RULES } from './lint-network.js';
import { REFERENCE_RULES } from './lint-references.js';
import { ROUTE_RULES } from './lint-routes.js';
import { SERVER_RULES } from './lint-server.js';
import { WAY_IN_RULES } from './lint-ways-in.js';
import type { Manifest, Problem } from './manifest.js';

const RULES = [...SERVER_RULES, ...REFERENCE_RULES, ...ROUTE_RULES, ...WAY_IN_RULES, ...NETWORK_RULES];

export async function lint(manifests: readonly Manifest[]): Promise<readonly Problem[]> {
  return [...RULES.flatMap((rule) => rule(manifests)), ...(await alertProblems(manifests))];
}
