/** The steps of docs/upgrade.md, on a template and a clone of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithPrograms } from '../helpers/programs.js';
import { openShell, type Shell } from '../helpers/shell.js';
import { shownFor } from './shell-blocks.js';

/** Nobody's settings but these. */
const ENV = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_MERGE_AUTOEDIT: 'no',
};

describeWithPrograms(['git'], 'a clone', () => {
  let shell: Shell;
  let template: string;
  let clone: string;

  beforeAll(async () => {
    shell = openShell();
    [template, clone] = [join(shell.folder, 'template'), join(shell.folder, 'clone')];
    await shell.run(
      `git init -q -b main template && cd template && echo 0.1.0 >CHANGELOG.md && git add . && git commit -qm first
       git clone -q . ../clone && git tag v0.2.0
       echo 0.2.0 >CHANGELOG.md && touch newer && git add . && git commit -qm second
       cd ../clone && touch own && git add . && git commit -qm own`,
      ENV,
    );
  });
  afterAll(() => shell?.remove());

  test('sees what is new in the template and merges it, as the page says', async () => {
    const printed: string[] = [];
    for (const { text } of shownFor('docs/upgrade')) {
      const script = text.replace('URL-OF-THE-TEMPLATE', template);
      printed.push((await shell.run(script, ENV, clone)).stdout);
    }
    const [, news] = printed;
    const state = await shell.run('git branch --show-current; git tag; git status --short', ENV, clone);

    expect(news).toMatch(/^[0-9a-f]+ second\n0\.2\.0\n$/);
    expect(state.stdout).toBe('upgrade\nv0.2.0\n');
    expect(['own', 'newer'].map((name) => existsSync(join(clone, name)))).toEqual([true, true]);
  });
});
