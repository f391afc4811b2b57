/** The grants of users: read, renewed by one replica at a time, withdrawn. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as oauth from 'oauth4webapi';
import { reasonOf } from '../helpers/token-endpoint.js';
import type { UsedOnce } from '../stores/types.js';
import type { AuthorizationServer, Grant } from './authorization-server.js';
import type { SealedRecords } from './sealed-records.js';

/** How long a grant is kept that nobody uses. */
const KEPT_MS = 90 * 86_400_000;
/** A token that ends on its way is a failed call. */
const EARLY_MS = 30_000;
/** Longer than a token endpoint has for its answer. */
const TURN_MS = 15_000;
const POLL_MS = 100;

export function grantedTokens(records: SealedRecords<Grant>, usedOnce: UsedOnce) {
  /** Two replicas that renew at once would use one refresh token twice, which ends the grant (RFC 9700 §4.14.2). */
  const alone = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const giveUpAt = performance.now() + TURN_MS;
    while (!(await usedOnce.take(turnOf(name), TURN_MS))) {
      if (performance.now() > giveUpAt) throw new Error('no turn to renew a grant');
      await sleep(POLL_MS);
    }
    try {
      return await work();
    } finally {
      await usedOnce.release(turnOf(name));
    }
  };

  /** The token, if there is still a grant; one that the server no longer renews is forgotten. */
  const renew = async (name: string, server: AuthorizationServer): Promise<string | undefined> => {
    const grant = await records.get(name);
    if (!grant || isFresh(grant)) return grant?.accessToken; // another call has just been here
    const renewed = grant.refreshToken === undefined ? undefined : await renewAt(server, grant.refreshToken);
    if (!renewed) return void (await records.take(name));
    await records.set(name, renewed, KEPT_MS);
    return renewed.accessToken;
  };

  return {
    async token(owner: string, api: string, server: AuthorizationServer): Promise<string | undefined> {
      const name = nameOf(owner, api);
      const grant = await records.get(name);
      if (!grant || isFresh(grant)) return grant?.accessToken;
      return alone(name, () => renew(name, server));
    },
    keep: (owner: string, api: string, grant: Grant) =>
      alone(nameOf(owner, api), () => records.set(nameOf(owner, api), grant, KEPT_MS)),
    withdraw: async (owner: string, api: string) =>
      void (await alone(nameOf(owner, api), () => records.take(nameOf(owner, api)))),
  };
}

/** `undefined` when the server says that the grant is over. */
async function renewAt(server: AuthorizationServer, refreshToken: string): Promise<Grant | undefined> {
  try {
    return await server.renew(refreshToken);
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError && error.error === 'invalid_grant') return undefined;
    throw new Error(`A grant was not renewed: ${reasonOf(error)}`);
  }
}

/** An owner may be long, and is nobody's business in the store. */
function nameOf(owner: string, api: string): string {
  return `${createHash('sha256').update(owner).digest('base64url')}:${api}`;
}

const turnOf = (name: string) => `grant:${name}`;

function isFresh({ endsAt }: Grant): boolean {
  return endsAt === undefined || Date.now() < endsAt - EARLY_MS;
}
