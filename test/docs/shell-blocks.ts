/** What stands in the shell blocks of the pages, and which test runs it. */
import { blocks, pages, read } from '../helpers/pages.js';

/** A block, or one of its commands in one line. */
export interface Shown {
  readonly page: string;
  readonly text: string;
}

/** A block as a whole is for the test of the first row that matches its page or text. */
const BLOCKS: readonly (readonly [test: string, matches: RegExp])[] = [
  ['scripts/connect', /^docs\/clients\.md\n/], // generated: each is read as its client does, and curl is run
  ['docs/add-a-tool', /^docs\/add-a-tool\.md\n/],
  ['docs/larger-tool', /^docs\/larger-tool\.md\n/],
  ['docs/first-hour', /^docs\/first-hour\.md\njq /],
  ['docs/single-host', /^docs\/operations\/single-host\.md\n/],
  ['docs/secrets', /\bopenssl /],
  ['server/commands/key', /\bnpm run (?:-s )?key /],
];
/** Of the other blocks each command has its test; the last row runs none, and knows what cannot be run. */
const COMMANDS: typeof BLOCKS = [
  ['docs/audit-queries', /^jq /],
  ['docs/what-you-may-delete', /^git rm /],
  ['docs/requests', /^curl |^npm run (?:-s )?client /],
  ['examples/classic-streaming', /^npx tsx /],
  ['server/process/process', /\bkill -HUP /],
  ['docs/commands', /./],
];
export const TESTS = [...BLOCKS, ...COMMANDS].map(([test]) => test);

/** Each in one line, and without comments. */
const commandsIn = (text: string): readonly string[] =>
  text
    .replaceAll(/\\\n */g, '')
    .replaceAll(/\|\n */g, '| ')
    .split('\n')
    .map((line) => line.replace(/(?:^| {2,})# .*$/, ''))
    .filter((line) => line !== '');

const all: readonly Shown[] = pages().flatMap((page) =>
  blocks(read(page))
    .filter(({ language }) => language === 'sh')
    .map(({ text }) => ({ page, text })),
);
const cut = ({ page, text }: Shown) => commandsIn(text).map((command) => ({ page, text: command }));
const testOf = (rows: typeof BLOCKS, text: string) => rows.find(([, matches]) => matches.test(text))?.[0];
const ofBlock = ({ page, text }: Shown) => testOf(BLOCKS, `${page}\n${text}`);

/** All commands, whoever runs them. */
export const commands = all.flatMap(cut);

/** What the test has to run: all of it, and it fails at what it does not know. */
export function shownFor(test: string): readonly Shown[] {
  const rest = all.filter((block) => ofBlock(block) === undefined).flatMap(cut);
  return [
    ...all.filter((block) => ofBlock(block) === test),
    ...rest.filter(({ text }) => testOf(COMMANDS, text) === test),
  ];
}
