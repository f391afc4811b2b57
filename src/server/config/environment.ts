/** From the environment to the text of each variable: `NAME`, or for a secret the file that `NAME_FILE` names. */
import { readOrUndefined } from './values.js';

export interface Problem {
  readonly variable: string;
  /** What is wrong and how to fix it; never the value, which may be a secret. */
  readonly message: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function readTexts(env: Environment, names: readonly string[], secrets: ReadonlySet<string>) {
  const texts: Record<string, string> = {};
  const problems: Problem[] = [];
  for (const name of names) {
    const text = readText(env, name, secrets.has(name));
    if (typeof text === 'object') problems.push(text);
    else if (text !== undefined) texts[name] = text;
  }
  return { texts, problems };
}

/** For a Service named `admin`, Kubernetes sets ADMIN_PORT to its address in every pod that starts later. */
const SERVICE_LINK =
  'is a Kubernetes service link (tcp://…), not a port: set enableServiceLinks: false in the pod, or rename the Service';

/** An empty variable counts as unset: many deployment tools write "no value" that way. */
function readText(env: Environment, name: string, secret: boolean): string | Problem | undefined {
  const text = env[name]?.trim() || undefined;
  if (name.endsWith('_PORT') && text?.startsWith('tcp://')) return { variable: name, message: SERVICE_LINK };
  const path = secret ? env[`${name}_FILE`]?.trim() : undefined;
  if (!path) return text;

  const variable = `${name}_FILE`;
  if (text !== undefined) return { variable, message: `is set together with ${name}: keep one of them` };
  const content = readOrUndefined(path)?.trim();
  return content || { variable, message: 'must name a readable file that is not empty' };
}

/** Close to one of our names, but set by other software: Mesos and OpenSSL. */
const WELL_KNOWN = /^(PORTS|PORT\d|SSL_CERT_FILE)$/;

/** Refuses a name one or two edits away from one of ours: a typo must not silently weaken a setting. */
export function misspelled(env: Environment, known: ReadonlySet<string>): readonly Problem[] {
  return Object.keys(env)
    .filter((name) => !known.has(name) && !WELL_KNOWN.test(name) && !isServiceLink(env, name))
    .flatMap((name) => {
      const meant = [...known].find((ours) => isWithin(editsFor(ours), name, ours));
      return meant
        ? [{ variable: name, message: `looks like a misspelling of ${meant}: rename or unset it` }]
        : [];
    });
}

/** Two edits turn HOME or PATH into a short name of ours, so those allow one. */
const editsFor = (name: string) => (name.length < 8 ? 1 : 2);

/** For a Service named `admins`, Kubernetes sets ADMINS_SERVICE_HOST, ADMINS_PORT and more names. */
function isServiceLink(env: Environment, name: string): boolean {
  const [service] = name.split(/_(?:SERVICE_(?:HOST|PORT)|PORT)(?:_|$)/);
  return service !== name && env[`${service}_SERVICE_HOST`] !== undefined;
}

/** Whether at most `edits` insertions, deletions, replacements or swaps of neighbours turn `a` into `b`. */
function isWithin(edits: number, a: string, b: string): boolean {
  if (a === b) return true;
  if (edits === 0 || Math.abs(a.length - b.length) > edits) return false;
  if (a[0] === b[0]) return isWithin(edits, a.slice(1), b.slice(1));
  const isSwap = a[0] === b[1] && a[1] === b[0];
  return (
    isWithin(edits - 1, a.slice(1), b) ||
    isWithin(edits - 1, a, b.slice(1)) ||
    isWithin(edits - 1, a.slice(1), b.slice(1)) ||
    (isSwap && isWithin(edits - 1, a.slice(2), b.slice(2)))
  );
}
