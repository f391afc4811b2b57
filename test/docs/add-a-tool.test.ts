/** Does what docs/add-a-tool.md says. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { blocksOf, type Followed, openClone } from './follow-page.js';
import { shownFor } from './shell-blocks.js';

let page: Followed;
beforeAll(async () => {
  page = await openClone();
});
afterAll(() => page.close());

test('three steps end with a tool that was tested and called, and the page shows what was written', async () => {
  for (const block of blocksOf('docs/add-a-tool.md')) {
    if (block.language === 'sh') await page.follow(block);
    else expect(page.clone.read(block.path)).toBe(block.text);
  }
  const commands = shownFor('docs/add-a-tool').map(({ text }) => text);
  const said = (start: string) =>
    page.printed.get(commands.find((command) => command.startsWith(start)) ?? '') ?? '';

  expect([...page.printed.keys()]).toEqual(commands);
  expect(said('npm test')).toMatch(/^PASS .*count-characters\.test\.ts/m);
  expect(said('npm run client')).toContain('"characters": 4');
}, 240_000);
