/** What the command line asks for. */
import { parseArgs } from 'node:util';

export const HELP = `Usage: npm run client -- URL [OPTIONS] COMMAND

Commands
  list                  tools, resources and prompts of the server
  call TOOL [JSON]      call a tool with JSON arguments, {} unless given
  process PATH...       call process_files on documents and folders; "." is all of them

Options
  --key KEY             API key, sent as X-Api-Key
  --token TOKEN         access token, sent as Authorization: Bearer
  --era 2025|2026|auto  protocol era; auto (the default) asks the server
  --log-level LEVEL     least severe log message to receive; debug unless given
  --yes                 accept what the server asks the user, without asking
  --help                this text

The result goes to stdout, everything live to stderr: a progress bar on a terminal, plain lines elsewhere.
Exit code: 0 done, 1 the tool failed, 2 usage, 3 refused or not reachable, 130 interrupted.
`;

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
const ERAS = ['auto', '2025', '2026'] as const;

export interface Arguments {
  readonly url: URL;
  /** Headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly era: (typeof ERAS)[number];
  readonly logLevel: (typeof LEVELS)[number];
  readonly yes: boolean;
  readonly command: Command;
}

export type Command =
  | { readonly name: 'list' }
  | { readonly name: 'call'; readonly tool: string; readonly args: Record<string, unknown> }
  | { readonly name: 'process'; readonly paths: readonly string[] };

export class UsageError extends Error {}

/** @returns `undefined` when help was asked for. @throws {UsageError} */
export function readArguments(argv: readonly string[]): Arguments | undefined {
  const { values, positionals } = parse(argv);
  if (values.help) return undefined;
  const [url, name, ...rest] = positionals;
  if (values.key !== undefined && values.token !== undefined) {
    throw new UsageError('give --key or --token, not both');
  }
  return {
    url: readUrl(url),
    headers: {
      ...(values.key !== undefined && { 'X-Api-Key': values.key }),
      ...(values.token !== undefined && { Authorization: `Bearer ${values.token}` }),
    },
    era: oneOf(ERAS, values.era, '--era'),
    logLevel: oneOf(LEVELS, values['log-level'], '--log-level'),
    yes: values.yes,
    command: readCommand(name, rest),
  };
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        key: text,
        token: text,
        era: { ...text, default: 'auto' },
        'log-level': { ...text, default: 'debug' },
        yes: flag,
        help: { ...flag, short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readUrl(text = ''): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError('first, the URL of the server');
  return url;
}

function readCommand(name: string | undefined, rest: readonly string[]): Command {
  const [tool, json = '{}', ...tooMany] = rest;
  if (name === 'list' && tool === undefined) return { name };
  if (name === 'process' && tool !== undefined) return { name, paths: rest };
  if (name === 'call' && tool !== undefined && tooMany.length === 0)
    return { name, tool, args: readObject(json) };
  throw new UsageError('then a command: list, call TOOL JSON, or process PATH...');
}

function readObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // said below
  }
  throw new UsageError('the arguments of a tool are a JSON object');
}

function oneOf<T extends string>(known: readonly T[], value: string, option: string): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw new UsageError(`${option} is one of ${known.join(', ')}`);
  return found;
}
