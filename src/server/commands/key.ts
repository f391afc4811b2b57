/** Makes, lists, revokes and rotates the API keys of API_KEYS_FILE. A new secret goes to stdout, once; everything else to stderr. */
import { parseArgs } from 'node:util';
import { EXIT_FAILURE, EXIT_USAGE } from '../command-line.js';
import { ApiKeyEntry, type ApiKeyFile } from '../identity/api-key-entry.js';
import { newApiKey } from '../identity/api-key-format.js';
import { changeKeyFile, readKeyFile } from './key-file.js';

const HELP = `Usage: npm run key -- COMMAND [--file PATH], or node dist/key.js COMMAND after a build

  create --name NAME --scopes "a b" [--expires 90d]   make a key and print it, once
  list                                                show all keys, without secrets
  revoke ID                                           refuse a key from now on
  rotate ID [--overlap 24h]                           print a new secret; the old one works until the overlap ends

Durations: a number and s, m, h or d. Without --file the file is API_KEYS_FILE.
A running server notices a change within a second.
`;
const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

class UsageError extends Error {}

const text = { type: 'string' } as const;
const OPTIONS = {
  name: text,
  scopes: text,
  expires: text,
  overlap: text,
  file: text,
  help: { type: 'boolean' },
} as const;
type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

async function obey(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const [command, id, ...rest] = positionals;
  if (values.help) return void process.stdout.write(HELP);
  if (rest.length > 0) throw new UsageError('too many arguments');
  const file = values.file ?? process.env['API_KEYS_FILE'];
  if (!file) throw new UsageError('name the key file: --file PATH, or the variable API_KEYS_FILE');

  if (command === 'create' && id === undefined) return create(file, values);
  if (command === 'list' && id === undefined) return list(file);
  if (command === 'revoke' && id !== undefined) return revoke(file, id);
  if (command === 'rotate' && id !== undefined) return rotate(file, id, values.overlap ?? '24h');
  throw new UsageError('name a command: create, list, revoke ID or rotate ID');
}

async function create(path: string, { name, scopes, expires }: Values): Promise<void> {
  if (name === undefined || scopes === undefined) throw new UsageError('create needs --name and --scopes');
  const named = new Set(scopes.split(/[\s,]+/).filter(Boolean));
  if (named.has('*'))
    throw new UsageError('* is not a scope: list the scopes that the key needs, as the tools name them');
  const { id, key, hash } = newApiKey('live');
  const entry = ApiKeyEntry.safeParse({
    id,
    name,
    scopes: [...named],
    createdAt: new Date().toISOString(),
    ...(expires !== undefined && { expiresAt: timeAfter(expires) }),
    secrets: [{ hash }],
  });
  if (!entry.success) throw new UsageError(`not valid: ${entry.error.issues[0]?.path[0]?.toString()}`);
  await changeKeyFile(path, (file) => file.keys.push(entry.data), { version: 1, keys: [] });
  show(key, `Key ${id}, stored as a hash in ${path}. It is shown only once:`);
}

async function list(path: string): Promise<void> {
  const { keys } = await readKeyFile(path);
  const rows = keys.map((key) => {
    const { id, expiresAt = 'never', name, scopes } = key;
    return [id, stateOf(key), expiresAt, name, scopes.join(' ')];
  });
  const table = [['ID', 'STATE', 'EXPIRES', 'NAME', 'SCOPES'], ...rows];
  process.stdout.write(`${table.map((row) => row.join('\t')).join('\n')}\n`);
}

async function revoke(path: string, id: string): Promise<void> {
  await changeKeyFile(path, (file) => {
    find(file, id).revokedAt ??= new Date().toISOString();
  });
  process.stderr.write(`Key ${id} is revoked.\n`);
}

async function rotate(path: string, id: string, overlap: string): Promise<void> {
  const validUntil = timeAfter(overlap);
  const { key, hash } = newApiKey('live', id);
  await changeKeyFile(path, (file) => {
    const entry = find(file, id);
    if (stateOf(entry) !== 'active') throw new Error(`key ${id} is ${stateOf(entry)}: create a new one`);
    const current = entry.secrets.find((secret) => secret.validUntil === undefined);
    entry.secrets = [{ hash }, ...(current ? [{ ...current, validUntil }] : [])];
  });
  show(key, `New secret of key ${id}; the old one works until ${validUntil}. It is shown only once:`);
}

function find(file: ApiKeyFile, id: string): ApiKeyEntry {
  const entry = file.keys.find((key) => key.id === id);
  if (!entry) throw new Error('no key has this id; list shows them all');
  return entry;
}

function stateOf({ revokedAt, expiresAt }: ApiKeyEntry): 'revoked' | 'expired' | 'active' {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'active';
}

function timeAfter(duration: string): string {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(duration) ?? [];
  if (unit === undefined) throw new UsageError('a duration is a number and s, m, h or d, such as 90d');
  return new Date(Date.now() + Number(amount) * UNITS[unit as keyof typeof UNITS]).toISOString();
}

/** On separate streams, so that `$(npm run -s key -- create …)` captures the key and nothing else. */
function show(key: string, words: string): void {
  process.stderr.write(`${words}\n`);
  process.stdout.write(`${key}\n`);
}

/** Does what the arguments say, and sets the exit code. */
export async function runKey(): Promise<void> {
  try {
    await obey();
  } catch (error) {
    const { message, code = '' } = error as NodeJS.ErrnoException;
    const isUsage = error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`${message}${isUsage ? '\nSee --help' : ''}\n`);
    process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAILURE;
  }
}
