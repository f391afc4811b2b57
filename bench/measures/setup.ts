/** What all measures share. */
import type { Issuer } from '../identity.js';
import { type Call, ECHO, type Era, type Exchange, exchangeFor, exchangesFor } from '../requests.js';
import { type Server, startServer } from '../server.js';
import type { ServerOptions } from '../servers/options.js';
import type { Contestant, Plan } from './rounds.js';

export interface Setup {
  readonly issuer: Issuer;
  /** A folder for what servers write. */
  readonly folder: string;
  /** Rounds of calls. */
  readonly plan: Plan;
  /** Share of the full numbers of sessions, streams and events: 1, or less in a short run. */
  readonly scale: number;
}

export const ERAS: readonly Era[] = ['2025', '2026'];
const CONNECTIONS = 32;

export function start(
  { issuer: { issuer, jwks }, folder }: Setup,
  options: Pick<ServerOptions, 'kind' | 'era'> & Partial<ServerOptions>,
): Promise<Server> {
  return startServer({ tools: 1, issuer, jwks, folder, ...options });
}

export async function contestant(
  setup: Setup,
  name: string,
  options: Parameters<typeof start>[1],
  call: Pick<Call, 'method' | 'name' | 'arguments'> = ECHO,
): Promise<Contestant> {
  const server = await start(setup, options);
  const whole: Call = { era: options.era, token: setup.issuer.token, ...call };
  const isFloor = options.kind === 'floor';
  return { name, server, exchanges: isFloor ? withoutSession(whole) : await sessions(server, whole) };
}

export async function closeAll(contestants: readonly Contestant[]): Promise<void> {
  await Promise.all(contestants.map(({ server }) => server.close()));
}

/** The body of an answer. */
export function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('{"'), answer.lastIndexOf('}') + 1);
}

function sessions({ port }: Server, call: Call): Promise<readonly Exchange[]> {
  return exchangesFor(port, call, CONNECTIONS);
}

/** A floor knows no sessions, but its requests are as long. */
function withoutSession(call: Call): readonly Exchange[] {
  const session = call.era === '2025' ? 'x'.repeat(43) : undefined;
  return Array.from({ length: CONNECTIONS }, (_, id) => exchangeFor(call, id, session));
}
