import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const FOLDER = new URL('../../test/evidence/', import.meta.url);
const text = z.string().min(1);

/** What a requirement asks, and one of three: the tests that show it, whose it is instead, or why it is nobody's. */
const Requirement = z
  .strictObject({
    id: text,
    level: text.optional(),
    clause: text.optional(),
    text,
    control: z.array(text).optional(),
    /** `server/layers/cors › an allowed origin …`: a file below `test`, and the end of a test's name as its source has it. */
    tests: z.array(text).min(1).optional(),
    /** The deployer's, or the tool author's: the page that says how. */
    yours: text.optional(),
    notApplicable: text.optional(),
  })
  .refine(
    ({ tests, yours, notApplicable }) =>
      [tests, yours, notApplicable].filter((answer) => answer !== undefined).length === 1,
    'a requirement has tests, or is yours, or is notApplicable',
  )
  .refine(
    ({ tests, control }) => (tests === undefined) === (control === undefined),
    'tests show a control, which is a list of files or folders',
  );

const Source = z.strictObject({
  title: text,
  about: text,
  sections: z.array(z.strictObject({ title: text, requirements: z.array(Requirement).min(1) })),
});

export type Requirement = z.infer<typeof Requirement>;
export type Source = z.infer<typeof Source>;

/** Every file of `test/evidence`, in the order of their names. */
export function readSources(): readonly Source[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => Source.parse(parse(readFileSync(new URL(name, FOLDER), 'utf8'))));
}

export const requirementsOf = (sources: readonly Source[]): readonly Requirement[] =>
  sources.flatMap(({ sections }) => sections.flatMap(({ requirements }) => requirements));
