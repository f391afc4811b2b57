/** Does what docs/larger-tool.md says. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JEST } from '../helpers/clone.js';
import { blocksOf, type Followed, openClone } from './follow-page.js';
import { shownFor } from './shell-blocks.js';

const PAGE = blocksOf('docs/larger-tool.md');

/** The page replaces files that the tools of a clone use. */
const isFresh = readdirSync('src/tools').every((name) => /^(?:index\.ts|README\.md)$/.test(name));
const freshTest = isFresh ? test : test.skip;

/** Of the template's tests some that start the server, as a part and as a process, or look at what the page changed. */
const TOUCHED = [
  'architecture',
  'deploy/compose.test',
  'scripts/config-docs',
  'server/commands/doctor.test',
  'server/observe/telemetry-counts',
].map((name) => `test/${name}`);

let page: Followed;
beforeAll(async () => {
  page = await openClone();
});
afterAll(() => page.close());

freshTest(
  'followed from top to bottom the page ends with a tool that was checked, tested and called',
  async () => {
    expect(PAGE.filter(({ path, language }) => path === '' && language !== 'sh')).toEqual([]);
    for (const block of PAGE) await page.follow(block);

    const commands = shownFor('docs/larger-tool').map(({ text }) => text);
    expect([...page.printed.keys()]).toEqual(commands);
    const said = (start: string) =>
      page.printed.get(commands.find((command) => command.startsWith(start)) ?? '') ?? '';
    expect(said('npm run format')).toMatch(/^Tests: +2 passed, 2 total$/m);
    expect(said('npm run client')).toContain('"sent": 1');
    expect(said('node --eval')).toBe('{"reader":"A0001","text":"Your books are due this week."}');
    expect(page.clone.read('.env.example')).toContain('#REMINDER_URL=');
  },
  240_000,
);

freshTest(
  'the tests of the template pass with the settings of the page',
  () => {
    expect(() => page.clone.node(...JEST, ...TOUCHED)).not.toThrow();
  },
  240_000,
);
