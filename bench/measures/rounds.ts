/** Runs servers against each other: short runs in turn, so that what disturbs the machine disturbs all of them. */
import { drive } from '../load.js';
import type { Exchange } from '../requests.js';
import type { Server } from '../server.js';

export interface Contestant {
  readonly name: string;
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

export async function runRounds(
  contestants: readonly Contestant[],
  { rounds, roundMs, warmUp, warmUpMs }: Plan,
): Promise<ReadonlyMap<string, Rounds>> {
  const results = new Map<string, Rounds>();
  for (const { name, server, exchanges } of contestants) {
    results.set(name, { perSecond: [], cpuUs: [] });
    await drive({ port: server.port, exchanges, maxRequests: warmUp, maxMs: warmUpMs });
  }
  for (let round = 0; round < rounds; round += 1) {
    const first = round % contestants.length; // nobody always comes after the same one
    for (const { name, server, exchanges } of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      const before = await server.ask('cpu');
      const { requests, seconds } = await drive({ port: server.port, exchanges, maxMs: roundMs });
      const after = await server.ask('cpu');
      results.get(name)?.perSecond.push(requests / seconds);
      results.get(name)?.cpuUs.push((after.cpuUs - before.cpuUs) / requests);
    }
  }
  return results;
}
