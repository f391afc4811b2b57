import { describe } from '@jest/globals';
import { hasRedis } from './redis-server.js';

/** Tests that need `redis-server`: skipped by name where there is none, unless `REQUIRE_ALL=1`. */
export const describeWithRedis: (name: string, tests: () => void) => void = (name, tests) => {
  const run = hasRedis || process.env['REQUIRE_ALL'] === '1' ? describe : describe.skip;
  run(hasRedis ? name : `${name} (needs redis-server)`, tests);
};
