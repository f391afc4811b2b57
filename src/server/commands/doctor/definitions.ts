/** Whether the definitions are those that somebody reviewed, whatever ENABLED_TOOLS and READ_ONLY leave of them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileCatalog } from '../../mcp/definitions/catalog.js';
import { digestOfAll, type Digests, digestsOf } from '../../mcp/definitions/digests.js';
import { prepareDefinitions } from '../../mcp/extensions/extension.js';
import type { ServerDefinition } from '../../mcp/server-definition.js';
import { type Finding, findingsOf } from './finding.js';

const LOCK_FILE = 'definitions.lock.json';
const PIN = 'npm run doctor -- --pin';
const { ok, problem } = findingsOf('definitions');

/** @throws {TypeError} naming the definition at fault */
function digestAll(definition: Partial<ServerDefinition>): Digests {
  const { about = {}, extensions = [], tools = [], resources = [], prompts = [] } = definition;
  return digestsOf(compileCatalog(prepareDefinitions(extensions, { tools, resources, prompts })), about);
}

export function checkDefinitions(definition: Partial<ServerDefinition>, folder = '.'): Finding {
  const file = join(folder, LOCK_FILE);
  const digests = digestAll(definition);
  if (!existsSync(file)) return ok(`${LOCK_FILE} does not exist; to write it: ${PIN}`);
  const pinned = readPinned(file);
  if (!pinned)
    return problem(`${LOCK_FILE} is not valid`, `restore it, or review all definitions, then ${PIN}`);
  const differing = differences(pinned, digests);
  if (differing === '') return ok(`as in ${LOCK_FILE}, together ${digestOfAll(digests)}`);
  return problem(`differ from ${LOCK_FILE}: ${differing}`, `review them, then ${PIN}, and commit the file`);
}

function readPinned(file: string): Digests | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as unknown;
    return typeof value === 'object' && value !== null ? (value as Digests) : undefined;
  } catch {
    return undefined;
  }
}

function differences(pinned: Digests, digests: Digests): string {
  const added = Object.keys(digests).filter((name) => !Object.hasOwn(pinned, name));
  const removed = Object.keys(pinned).filter((name) => !Object.hasOwn(digests, name));
  const changed = Object.keys(digests).filter(
    (name) => Object.hasOwn(pinned, name) && pinned[name] !== digests[name],
  );
  return Object.entries({ changed, added, removed })
    .filter(([, names]) => names.length > 0)
    .map(([how, names]) => `${how} ${names.join(', ')}`)
    .join('; ');
}

/** Writes the digests, one a line, to be committed. @returns what it did */
export function pinDefinitions(definition: Partial<ServerDefinition>, folder = '.'): string {
  const digests = digestAll(definition);
  writeFileSync(join(folder, LOCK_FILE), `${JSON.stringify(digests, null, 2)}\n`);
  return `${LOCK_FILE}: ${Object.keys(digests).length} digests, together ${digestOfAll(digests)}. Commit it.`;
}
