/** `npm run new -- tool|resource|prompt NAME`: writes a definition, its test, and its line in the list. */
import { parseArgs } from 'node:util';
import { type Kind, KINDS, namesOf, writeDefinition } from './new/definition.js';
import { removeSamples } from './new/remove-samples.js';
import { EXIT_USAGE } from '../src/server/command-line.js';

const USAGE = `npm run new -- tool|resource|prompt NAME [--scopes "a b"]

Writes the definition, its test and its line in the list; what it writes passes lint, types and tests as it is.
NAME has only lower-case letters, digits and "-". Scopes: NAME:call for a tool and NAME:read for the others, unless told;
--scopes "" asks for none, so that every caller may use it.

npm run new -- --remove-samples

Removes the samples with their documents, tests and demo, and the sentences about them in the pages. Prints what it
removed and changed. Your own tools, settings and services stay. Commit first: the difference is then easy to look at.

Exit code: 0, 1 when it could not be written, 64 for a wrong argument.
`;

class UsageError extends Error {}

function main(): void {
  const { values, positionals } = readArguments();
  if (values.help) return void process.stdout.write(USAGE);
  if (values['remove-samples']) return void process.stdout.write(removeSamples());
  const [kind, name, ...rest] = positionals;
  if (!isKind(kind) || name === undefined || rest.length > 0)
    throw new UsageError('name a kind (tool, resource, prompt) and a name');
  const names = namesOf(name);
  if (!names) throw new UsageError('a name has only lower-case letters, digits and "-", such as word-count');
  const scopes = values.scopes?.split(/[\s,]+/).filter(Boolean) ?? [
    `${names.file}:${kind === 'tool' ? 'call' : 'read'}`,
  ];
  if (scopes.some((scope) => !/^[\w:./-]+$/.test(scope)))
    throw new UsageError('a scope is a word, such as documents:read');
  const written = writeDefinition(kind, names, scopes);
  process.stdout.write(`Written:\n${written.map((file) => `  ${file}\n`).join('')}`);
  process.stdout.write(`Try it:\n  npm test -- ${written[1]}\n`);
}

function isKind(text: string | undefined): text is Kind {
  return text !== undefined && Object.hasOwn(KINDS, text);
}

function readArguments() {
  const options = {
    scopes: { type: 'string' },
    'remove-samples': { type: 'boolean' },
    help: { type: 'boolean' },
  } as const;
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

try {
  main();
} catch (error) {
  const isUsage = error instanceof UsageError;
  process.stderr.write(`${(error as Error).message}\n${isUsage ? 'See: npm run new -- --help\n' : ''}`);
  process.exitCode = isUsage ? EXIT_USAGE : 1;
}
