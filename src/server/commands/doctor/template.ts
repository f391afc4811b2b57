/** The template's version in this clone, its files that differ, and whether a newer version exists. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Finding, findingsOf } from './finding.js';

/** The part of `template.json` that this check reads. */
interface Template {
  readonly version: string;
  readonly from: string;
  readonly samples: readonly string[];
  readonly digests: Readonly<Record<string, string>>;
}

const { ok, warning } = findingsOf('template');
const MAX_NAMED = 10;
const TIMEOUT_MS = 10_000;

/** Ignores the kind of line ending, which git may change at checkout. */
export const digestOf = (bytes: Buffer): string =>
  createHash('sha256')
    .update(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
    .digest('hex')
    .slice(0, 32);

/** Finds nothing in an image, which has no `template.json`. */
export async function checkTemplate(folder = '.'): Promise<readonly Finding[]> {
  const file = join(folder, 'template.json');
  if (!existsSync(file)) return [];
  const template = JSON.parse(readFileSync(file, 'utf8')) as Template;
  return [differing(folder, template), ...(template.from === '' ? [] : [await newer(template)])];
}

function differing(folder: string, { version, digests, samples }: Template): Finding {
  const isRemoved = (path: string) => samples.some((prefix) => path.startsWith(prefix));
  const differs = ([path, digest]: readonly [string, string]) => {
    const file = join(folder, path);
    return existsSync(file) ? digestOf(readFileSync(file)) !== digest : !isRemoved(path);
  };
  const paths = Object.entries(digests)
    .filter(differs)
    .map(([path]) => path);
  if (paths.length === 0) return ok(`version ${version}, none of its files changed`);
  const more = paths.length > MAX_NAMED ? ` and ${paths.length - MAX_NAMED} more` : '';
  return warning(
    `version ${version}, but these of its files differ: ${paths.slice(0, MAX_NAMED).join(', ')}${more}`,
    'review them: they may lack a fix, and npm run upgrade merges them instead of replacing them',
  );
}

async function newer({ version, from }: Template): Promise<Finding> {
  const args = ['ls-remote', '--refs', '--tags', '--', from, 'v*'];
  const env = { ...process.env, GIT_TERMINAL_PROMPT: '0' };
  try {
    const { stdout } = await promisify(execFile)('git', args, { env, timeout: TIMEOUT_MS });
    const tags = [...stdout.matchAll(/refs\/tags\/v(\d+\.\d+\.\d+)$/gm)].map(([, tag = '']) => tag);
    const newest = tags.reduce((a, b) => (isNewer(b, a) ? b : a), version);
    return newest === version
      ? ok('no newer version exists')
      : warning(`version ${newest} is available`, 'read its CHANGELOG.md, then npm run upgrade');
  } catch {
    // git's own message may repeat a password from the URL.
    return warning('the source of the template cannot be reached', 'correct "from" in template.json');
  }
}

const isNewer = (one: string, other: string) => one.localeCompare(other, 'en', { numeric: true }) > 0;
