/** `npm run pin`: adds to each image from a registry its current digest, so that the image cannot change. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { digestOf, type Reference } from './deploy/registry.js';
import { withProgress } from '../src/server/commands/progress.js';
import { EXIT_USAGE } from '../src/server/command-line.js';

const HELP = `Usage: npm run pin [-- --check]

Asks the registries which images the tags in deploy/ are, and writes their digests behind the tags. Nothing is written
when one of them does not answer. With --check, writes nothing and fails where a file names no digest or another one:
a tag that has moved, for example to a base with its security fixes.
`;
const FILES = ['deploy/Dockerfile', 'deploy/compose.yaml', 'deploy/kubernetes/components/redis/valkey.yaml'];
/** After `image:` or `ARG …_IMAGE=`: host, repository, tag, and perhaps a digest. */
const IMAGE =
  /^( *image: |ARG \w+_IMAGE=)([\w.-]+(?::\d+)?)\/([\w./-]+):([\w.-]+)(?:@(sha256:[0-9a-f]{64}))?$/gm;
const EXIT_FAILURE = 1;

interface Image extends Reference {
  readonly file: string;
  readonly name: string;
  readonly written: string | undefined;
}

/** `localhost/` without a port names an image that was built on this machine. */
function imagesIn(file: string): readonly Image[] {
  return [...readFileSync(file, 'utf8').matchAll(IMAGE)]
    .map(([, , host = '', repository = '', tag = '', written]) => {
      return { file, host, repository, tag, written, name: `${host}/${repository}:${tag}` };
    })
    .filter(({ host }) => host !== 'localhost');
}

async function main(): Promise<boolean> {
  const { check, help } = options();
  if (help) return process.stdout.write(HELP);
  const images = FILES.flatMap(imagesIn);
  const found = await withProgress('Asking the registries', Promise.allSettled(images.map(digestOf)));
  const missing = found.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).message] : []));
  for (const message of missing) process.stderr.write(`${message}\n`);
  if (missing.length > 0) throw new Error('Nothing was written.');

  const digests = new Map(
    images.map(({ name }, i) => [name, (found[i] as PromiseFulfilledResult<string>).value]),
  );
  for (const { file, name, written } of images)
    process.stdout.write(`${file}: ${name} ${change(written, digests.get(name), check)}\n`);
  if (check) return images.every(({ name, written }) => written === digests.get(name));
  for (const file of FILES) writeDigests(file, digests);
  return true;
}

function options(): { readonly check: boolean; readonly help: boolean } {
  const flag = { type: 'boolean', default: false } as const;
  return parseArgs({ options: { check: flag, help: flag } }).values;
}

function change(written: string | undefined, digest: string | undefined, check: boolean): string {
  if (written === digest) return `is ${digest}`;
  if (!check) return `is now ${digest}`;
  return written === undefined ? 'names no digest' : `has moved to ${digest}`;
}

function writeDigests(file: string, digests: ReadonlyMap<string, string>): void {
  const text = readFileSync(file, 'utf8');
  const pinned = text.replaceAll(
    IMAGE,
    (line: string, before: string, host: string, path: string, tag: string) => {
      const name = `${host}/${path}:${tag}`;
      const digest = digests.get(name);
      return digest === undefined ? line : `${before}${name}@${digest}`;
    },
  );
  if (pinned !== text) writeFileSync(file, pinned);
}

try {
  if (!(await main())) process.exitCode = EXIT_FAILURE;
} catch (error) {
  const { message, code } = error as Error & { readonly code?: string };
  process.stderr.write(`${message}\n`);
  process.exitCode = code?.startsWith('ERR_PARSE_ARGS') ? EXIT_USAGE : EXIT_FAILURE;
}
