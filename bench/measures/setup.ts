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
export const CONNECTIONS = 32;

export function start(
  { issuer: { issuer, jwks }, folder }: Setup,
  options: Pick<ServerOptions, 'kind'> & Partial<ServerOptions>,
): Promise<Server> {
  return startServer({ tools: 1, issuer, jwks, folder, ...options });
}

/** The requests of both eras: to one server of ours, which serves a mix, and to an SDK's own server for each. */
export async function contestants(
  setup: Setup,
  name: string,
  options: Parameters<typeof start>[1],
  call: Pick<Call, 'method' | 'name' | 'arguments'> = ECHO,
): Promise<readonly Contestant[]> {
  const isSdk = options.kind === 'bare' || options.kind === 'naive';
  const shared = isSdk ? undefined : await start(setup, options);
  return Promise.all(
    ERAS.map(async (era) => {
      const server = shared ?? (await start(setup, { ...options, era }));
      const whole: Call = { era, token: setup.issuer.token, ...call };
      const isFloor = options.kind === 'floor';
      return { name, era, server, exchanges: await exchangesOf(server, whole, isFloor) };
    }),
  );
}

export async function closeAll(all: readonly Contestant[]): Promise<void> {
  const servers = new Set(all.map(({ server }) => server));
  await Promise.all([...servers].map((server) => server.close()));
}

/** The body of an answer. */
export function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('{"'), answer.lastIndexOf('}') + 1);
}

function exchangesOf({ port }: Server, call: Call, isFloor: boolean): Promise<readonly Exchange[]> {
  return isFloor ? Promise.resolve(withoutSession(call)) : exchangesFor(port, call, CONNECTIONS);
}

/** A floor knows no sessions, but its requests are as long. */
function withoutSession(call: Call): readonly Exchange[] {
  const session = call.era === '2025' ? 'x'.repeat(43) : undefined;
  return Array.from({ length: CONNECTIONS }, (_, id) => exchangeFor(call, id, session));
}
