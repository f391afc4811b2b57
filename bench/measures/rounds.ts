/** Runs servers against each other: short runs in turn, so that what disturbs the machine disturbs all of them. */
import { drive } from '../load.js';
import type { Era, Exchange } from '../requests.js';
import type { Server } from '../server.js';

export interface Contestant {
  readonly name: string;
  readonly era: Era;
  readonly server: Server;
  readonly exchanges: readonly Exchange[];
}

/** Values of one contestant by round. */
export interface Rounds {
  readonly perSecond: number[];
  /** CPU time of the server's process for one request, microseconds. */
  readonly cpuUs: number[];
}

export interface Plan {
  readonly rounds: number;
  readonly roundMs: number;
  /** Requests before the first round; a slow server stops earlier. */
  readonly warmUp: number;
  readonly warmUpMs: number;
}

/** The rounds of each contestant, found by its name and era. */
export type Results = (name: string, era: Era) => Rounds;

export async function runRounds(
  contestants: readonly Contestant[],
  { rounds, roundMs, warmUp, warmUpMs }: Plan,
): Promise<Results> {
  const results = new Map<string, Rounds>();
  const key = (name: string, era: Era) => `${name} ${era}`;
  for (const { name, era, server, exchanges } of contestants) {
    results.set(key(name, era), { perSecond: [], cpuUs: [] });
    await drive({ port: server.port, exchanges, maxRequests: warmUp, maxMs: warmUpMs });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of shuffled(contestants)) {
      const { name, era, server, exchanges } = contestant;
      const before = await server.ask('cpu');
      const { requests, seconds } = await drive({ port: server.port, exchanges, maxMs: roundMs });
      const after = await server.ask('cpu');
      results.get(key(name, era))?.perSecond.push(requests / seconds);
      results.get(key(name, era))?.cpuUs.push((after.cpuUs - before.cpuUs) / requests);
    }
  }
  return (name, era) => results.get(key(name, era)) as Rounds;
}

/** Nobody always comes after the same one, whose garbage may still be collected. */
function shuffled<T>(all: readonly T[]): readonly T[] {
  return all
    .map((one) => ({ one, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one);
}
