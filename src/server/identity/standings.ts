/**
 * What is open under a credential, on this replica, ends with it: streams, calls, tasks.
 *
 * - Every second: who is withdrawn (`DENYLIST_FILE`, `API_KEYS_FILE`), and whose time is over. Cheap, since it needs no credential.
 * - Every 20 s the credential is proven again: its issuer may have withdrawn the token, or the key that signed it. They take
 *   turns: asked about all at once, an issuer's bounds (`introspection.ts`) would refuse most, and new callers too.
 * - Where nobody can tell (a file that cannot be read, an issuer that is away), what is open stays: the same outage lets
 *   nobody in.
 */
import { RefusedRequest } from '../refusal.js';
import type { Caller } from './caller.js';
import type { Challenge } from './challenge.js';
import { credentialsInvalid, type IsWithdrawn } from './verifier.js';

/** What became of a credential. Only one that is withdrawn ends what its caller once started: expiry is nobody's fault. */
type Standing = 'good' | 'expired' | 'withdrawn';
type Lost = Exclude<Standing, 'good'>;

/**
 * Calls back when the credential of a request expires, and when it is withdrawn: once each. `refusal` is what answers a request
 * that still waits. Returns the way to stop.
 */
export type WatchCredential = (onLost: (standing: Lost, refusal: RefusedRequest) => void) => () => void;

interface WatchedCredential {
  readonly caller: Caller;
  /** Proves the credential again. */
  readonly prove: () => Promise<Caller>;
  readonly onLost: Parameters<WatchCredential>[0];
  /** What was told. */
  told: Standing;
}

export interface StandingsOptions {
  readonly withdrawals: readonly (() => Promise<IsWithdrawn>)[];
  readonly challenge: Challenge;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export type Standings = ReturnType<typeof createStandings>;

const LOOK_MS = 1_000;
/** In a round each credential is proven once. Verifiers may cache it for up to 60 s besides. */
const LOOKS_A_ROUND = 20;
/** How many are proven in a turn, unless more are needed to prove all in time. */
const PROVEN_AT_ONCE = 16;

const nobody: IsWithdrawn = () => false;

export function createStandings({ withdrawals, challenge, now = Date.now }: StandingsOptions) {
  const watched = new Set<WatchedCredential>();
  const refusal = () => credentialsInvalid('withdrawn', {}, challenge('invalid_token'));

  const tell = (one: WatchedCredential, standing: Standing) => {
    if (standing === 'good' || standing === one.told || !watched.has(one)) return;
    if (standing === 'withdrawn') watched.delete(one);
    one.told = standing;
    one.onLost(standing, refusal());
  };
  const isOver = ({ caller: { expiresAt } }: WatchedCredential) =>
    expiresAt !== undefined && now() >= expiresAt;

  async function look(): Promise<void> {
    if (watched.size === 0) return;
    const judges = await Promise.all(withdrawals.map((current) => current().catch(() => nobody)));
    for (const one of watched) {
      if (judges.some((isWithdrawn) => isWithdrawn(one.caller))) tell(one, 'withdrawn');
      else if (isOver(one)) tell(one, 'expired');
    }
  }

  let waiting: WatchedCredential[] = [];
  let turn = PROVEN_AT_ONCE;
  let looks = 0;

  function proveNext(): void {
    for (const one of waiting.splice(0, turn)) {
      if (!watched.has(one) || one.told !== 'good' || isOver(one)) continue;
      void standingOf(one).then((found) => tell(one, found));
    }
  }

  function everySecond(): void {
    looks += 1;
    if (looks % LOOKS_A_ROUND === 0) {
      waiting = [...watched];
      turn = Math.max(PROVEN_AT_ONCE, Math.ceil(waiting.length / LOOKS_A_ROUND));
    }
    proveNext();
    void look();
  }

  const timer = setInterval(everySecond, LOOK_MS).unref();
  return {
    /** @param prove proves the credential again */
    watcher:
      (caller: Caller, prove: () => Promise<Caller>): WatchCredential =>
      (onLost) => {
        const one: WatchedCredential = { caller, prove, onLost, told: 'good' };
        watched.add(one);
        return () => void watched.delete(one);
      },
    close: () => clearInterval(timer),
  };
}

/** By whether the credential still proves a caller with all its scopes. */
async function standingOf({ caller, prove }: WatchedCredential): Promise<Standing> {
  try {
    const { scopes } = await prove();
    return caller.scopes.every((scope) => scopes.includes(scope)) ? 'good' : 'withdrawn';
  } catch (error) {
    return error instanceof RefusedRequest && error.status === 401 ? 'withdrawn' : 'good';
  }
}
