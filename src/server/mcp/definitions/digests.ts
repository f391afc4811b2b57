/**
 * A digest of each definition as clients see it, and of the scopes that it needs. A description that was changed to mislead a
 * model (tool poisoning) has another digest: it shows in the audit, and in a review where `npm run doctor` has its file.
 */
import { hash, randomUUID } from 'node:crypto';
import type { Audit } from '../../observe/audit.js';
import { canonicalJson } from '../../observe/canonical-json.js';
import type { Logger } from '../../observe/logger.js';
import type { Catalog } from './catalog.js';
import type { About, Definitions } from './tool.js';

/** By kind and name, sorted: `tool search`. `about` is what the server says of itself, with its instructions. */
export type Digests = Readonly<Record<string, string>>;

interface Listed {
  readonly entry: { readonly name: string };
  /** Its own scopes: `REQUIRED_SCOPES` are the deployment's. */
  readonly definition: Pick<Definitions['tools'][number], 'scopes'>;
}

export function digestsOf({ tools, resources, prompts }: Catalog, about: About): Digests {
  const of = (kind: string, listed: Iterable<Listed>) =>
    Array.from(listed, ({ entry, definition: { scopes } }) => {
      return [`${kind} ${entry.name}`, digestOf({ entry, scopes })] as const;
    });
  const digests = [
    ['about', digestOf(about)] as const,
    ...of('prompt', prompts.values()),
    ...of('resource', resources),
    ...of('tool', tools.values()),
  ];
  return Object.fromEntries(digests.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** One digest for all of them. */
export const digestOfAll = (digests: Digests): string => digestOf(digests);

/** Of what is sent: JSON has no members that are undefined, and no lone surrogates that canonical JSON has no form for. */
function digestOf(value: object): string {
  return hash('sha256', canonicalJson(JSON.parse(JSON.stringify(value))), 'hex');
}

/** Logs and audits, once at the start, which definitions are served. */
export function recordDefinitions(digests: Digests, audit: Pick<Audit, 'trail'>, logger: Logger): void {
  const all = digestOfAll(digests);
  audit.trail(randomUUID(), { detail: { definitions: { all, each: digests } } }).end();
  logger.info({ digest: all, count: Object.keys(digests).length }, 'definitions served');
}
