/** `npm run audit`, or `node dist/server/commands/audit.js` after a build: checks, follows and searches the audit. */
import { parseArgs } from 'node:util';
import { EXIT_FAILURE, EXIT_USAGE } from '../command-line.js';
import { type Call, Calls } from './audit/calls.js';
import { FILTERS, filter } from './audit/filter.js';
import { linesAdded } from './audit/follow.js';
import { FORMATS } from './audit/formats.js';
import { linesOf } from './audit/lines.js';
import { type Verdict, verify } from './audit/verify.js';

const HELP = `Usage: npm run audit -- COMMAND FILE..., or node dist/server/commands/audit.js COMMAND FILE... after a build

  verify FILE... [--key PEM] [--oldest-missing]   whether the records are complete and as they were written
  search FILE... [filters] [--format FORMAT]      the calls that the filters leave, each with its records put together
  follow FILE    [filters] [--format FORMAT]      the same of calls from now on, across rotation

verify takes all files of all replicas in any order, rotated and compressed by gzip too, and the files of checkpoints,
which it checks with the public key. --oldest-missing allows for files that were deleted after their time.

Filters: --caller SUBJECT, CLIENT or KEY ID   --tool NAME   --decision allow or deny   --request ID
         --since TIME   --until TIME, as 2026-11-29T08:00:00Z or 90m for 90 minutes ago
FORMAT:  table, json, ecs (Elastic Common Schema), ocsf (API Activity)

Exit code: 0; 1 when verify found a problem, or a file cannot be read; 64 for a wrong argument.
`;
const MAX_SHOWN = 20;

class UsageError extends Error {}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const OPTIONS = {
  ...(Object.fromEntries(FILTERS.map((name) => [name, text])) as Record<
    (typeof FILTERS)[number],
    typeof text
  >),
  format: text,
  key: text,
  'oldest-missing': flag,
  help: flag,
} as const;
type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

async function obey(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const [command, ...files] = positionals;
  const [file, ...more] = files;
  if (values.help) return void process.stdout.write(HELP);
  if (file === undefined) throw new UsageError('name a command and the files of the audit');
  if (command === 'verify')
    return report(
      await verify(files, { keyFile: values.key, isOldestMissing: values['oldest-missing'] === true }),
      values.key !== undefined,
    );
  if (command === 'search') return search(files, values);
  if (command === 'follow' && more.length === 0) return follow(file, values);
  throw new UsageError('the commands are verify FILE..., search FILE... and follow FILE');
}

function report({ problems, records, checkpoints, torn, chains }: Verdict, isKeyGiven: boolean): void {
  for (const { replica, id, first, next, signed, lastTime } of chains) {
    const upTo = signed ? `signed up to seq ${signed.size - 1}` : 'no part of it signed';
    process.stdout.write(
      `${JSON.stringify(replica)} chain ${id}: seq ${first} to ${next - 1}, until ${lastTime}, ${upTo}\n`,
    );
  }
  const unchecked = isKeyGiven ? '' : ', not checked: give --key';
  process.stdout.write(`${records} records, ${checkpoints} checkpoints${unchecked}, ${torn} torn lines\n`);
  if (problems.length === 0) return void process.stdout.write('No problem found.\n');
  process.exitCode = EXIT_FAILURE;
  const more = problems.length > MAX_SHOWN ? [`… and ${problems.length - MAX_SHOWN} more`] : [];
  process.stdout.write(
    `${['Problems, the first one first:', ...problems.slice(0, MAX_SHOWN), ...more].join('\n  ')}\n`,
  );
}

/** @returns what prints a call, or nothing of it */
function printer(values: Values) {
  const format = FORMATS.get(values.format ?? 'table');
  if (!format) throw new UsageError(`a format is one of ${[...FORMATS.keys()].join(', ')}`);
  const isWanted = filter(values);
  process.stdout.write(format.title);
  return (call: Call) => {
    if (isWanted(call)) process.stdout.write(format.line(call));
  };
}

async function search(files: readonly string[], values: Values): Promise<void> {
  const print = printer(values);
  const calls = new Calls();
  for (const file of files) {
    for await (const lines of linesOf(file)) {
      for (const { bytes } of lines) {
        const call = calls.add(bytes);
        if (call && call.stage !== 'stream-open') print(call);
      }
    }
  }
  for (const call of calls.unended()) print(call);
}

async function follow(file: string, values: Values): Promise<void> {
  const print = printer(values);
  const calls = new Calls();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  for await (const lines of linesAdded(file, stop.signal)) {
    for (const { bytes } of lines) {
      const call = calls.add(bytes);
      if (call) print(call);
    }
  }
}

try {
  await obey();
} catch (error) {
  const { message, code = '' } = error as NodeJS.ErrnoException;
  const isUsage =
    error instanceof UsageError || error instanceof RangeError || code.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${message}${isUsage ? '\nSee --help' : ''}\n`);
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAILURE;
}
