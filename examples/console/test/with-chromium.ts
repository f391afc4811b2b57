import { describe } from '@jest/globals';
import { hasBrowser } from './browser.js';

/** Tests that need a browser: skipped by name without it, unless `REQUIRE_ALL=1`. */
export const describeWithChromium: (name: string, tests: () => void) => void = (name, tests) => {
  const run = hasBrowser || process.env['REQUIRE_ALL'] === '1' ? describe : describe.skip;
  run(hasBrowser ? name : `${name} (needs chromium, and npm ci in examples/console)`, tests);
};
