/**
 * The configuration, read once and only here. Whatever is contradictory or unsafe stops the start, all of it at once:
 * `config-schema.ts` has the variables, `config-rules.ts` what they mean to each other.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { misspelled, type Problem, readTexts } from './environment.js';
import { readTracing } from './tracing.js';
import { brokenRules, defaultHosts, defaultPublicUrl } from './rules.js';
import { type Config, type Parsed, type Settings, Variables } from './schema.js';
import { describe } from './values.js';
import { toolSettings } from '../../settings.js';

export { isLoopback } from './network.js';
export type { Problem } from './environment.js';
export type { Config } from './schema.js';

/** The process must not start: exit code 78 (`EX_CONFIG`). The message lists every problem, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(({ variable, message }) => `${variable}: ${message}`).join('\n'));
  }
}

const FORMS = { ...Variables.shape, ...toolSettings.shape };
const NAMES = Object.keys(FORMS) as (keyof typeof FORMS)[];
const SECRETS: ReadonlySet<string> = new Set(NAMES.filter((name) => describe(FORMS[name]).secret));
const KNOWN = new Set([...NAMES, ...[...SECRETS].map((name) => `${name}_FILE`)]);

/** @throws {ConfigError} naming every variable at fault and the fix. */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const { config, problems } = readConfig(env);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** For the doctor, which shows the rest beside what is wrong: an invalid variable has its default here. */
export function readConfig(env: NodeJS.ProcessEnv): { config: Config; problems: readonly Problem[] } {
  const { texts, problems: unread } = readTexts(env, NAMES, SECRETS);
  const ours = parseAll(Variables, texts);
  const settings = parseAll(toolSettings, texts);
  const { tracing, problems: untraceable } = readTracing(env);
  const config = complete({
    ...(ours.values as Parsed),
    settings: unprintable(settings.values as Settings),
    tracing,
  });

  const invalid = new Set([...unread, ...ours.problems].map(({ variable }) => variable));
  const isInvalid = (name: string) => invalid.has(name) || invalid.has(`${name}_FILE`);
  const broken = brokenRules(config, (name) => texts[name] !== undefined, isInvalid);
  const problems = [
    ...misspelled(env, KNOWN),
    ...unread,
    ...ours.problems,
    ...settings.problems,
    ...broken,
    ...untraceable,
  ];
  return { config, problems };
}

/** Every problem at once, and the values that stand when the variables at fault are left out. */
function parseAll(form: z.ZodType<object>, texts: Readonly<Record<string, string>>) {
  const { data, error } = form.safeParse(texts);
  if (error === undefined) return { values: data, problems: [] };

  const problems = error.issues.map(({ path, message }) => ({
    variable: path.join('.') || 'tool settings',
    message,
  }));
  const atFault = new Set(error.issues.map(({ path }) => path[0]));
  const rest = Object.fromEntries(Object.entries(texts).filter(([name]) => !atFault.has(name)));
  return { values: form.safeParse(rest).data ?? {}, problems };
}

function complete(given: Parsed & Pick<Config, 'settings' | 'tracing'>): Config {
  const withUrl = { ...given, PUBLIC_URL: given.PUBLIC_URL ?? defaultPublicUrl(given) };
  return unprintable({
    ...withUrl,
    ALLOWED_HOSTS: given.ALLOWED_HOSTS ?? defaultHosts(withUrl),
    JWT_AUDIENCE: given.JWT_AUDIENCE ?? [withUrl.PUBLIC_URL.href],
    SHUTDOWN_DELAY_MS: given.SHUTDOWN_DELAY_MS ?? (given.NODE_ENV === 'production' ? 5000 : 0),
  });
}

/** The configuration once `PORT=0` has become a real port: what was derived from the port follows it. */
export function atPort(config: Config, port: number): Config {
  const { PUBLIC_URL, ALLOWED_HOSTS, JWT_AUDIENCE } = config;
  const unlessEqual = <T>(value: T, derived: T) => (isDeepStrictEqual(value, derived) ? undefined : value);
  return complete({
    ...config,
    PORT: port,
    PUBLIC_URL: PUBLIC_URL.href === defaultPublicUrl(config).href ? undefined : PUBLIC_URL,
    ALLOWED_HOSTS: unlessEqual(ALLOWED_HOSTS, defaultHosts(config)),
    JWT_AUDIENCE: unlessEqual(JWT_AUDIENCE, [PUBLIC_URL.href]),
  });
}

/** What may be shown of the configuration, or of the tools' settings. */
export function redacted(values: object): Record<string, unknown> {
  const show = ([name, value]: [string, unknown]) => [name, SECRETS.has(name) ? '[redacted]' : value];
  return Object.fromEntries(Object.entries(values).map(show));
}

/** Secrets stay out of JSON and `inspect`, should someone log the configuration. */
function unprintable<T extends object>(values: T): T {
  const shown = { value: () => redacted(values) };
  return Object.defineProperties(values, { toJSON: shown, [inspect.custom]: shown });
}
