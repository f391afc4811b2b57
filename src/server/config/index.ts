/**
 * The configuration, read once and only here. Contradictory or unsafe settings stop the start, and all are reported at
 * once. `schema.ts` has the variables, `rules.ts` the rules between them.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { z } from 'zod';
import { misspelled, type Problem, readTexts } from './environment.js';
import { readTracing } from './tracing.js';
import { brokenRules, defaultAudience, defaultHosts, defaultPublicUrl, RULES } from './rules.js';
import { type Config, type Parsed, Variables } from './schema.js';
import { describe } from './values.js';

export type { Problem } from './environment.js';
export type { Config } from './schema.js';

/** The process must not start: exit code 78 (`EX_CONFIG`). The message lists every problem, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(({ variable, message }) => `${variable}: ${message}`).join('\n'));
  }
}

type Forms = Readonly<Record<string, z.ZodType>>;

const SECRETS = secretsOf(Variables.shape);
const NO_SETTINGS = z.object({});

function secretsOf(forms: Forms): ReadonlySet<string> {
  return new Set(Object.keys(forms).filter((name) => describe(forms[name] as z.ZodType).secret));
}

/**
 * @param settings environment variables of the clone's own
 * @param rules the rules between variables
 * @throws {ConfigError} naming every variable at fault and the fix
 */
export function loadConfig(env: NodeJS.ProcessEnv, settings?: z.ZodObject, rules = RULES): Config {
  const { config, problems } = readConfig(env, settings, rules);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** For the doctor, which also shows what is valid. An invalid variable has its default in `config`. */
export function readConfig(
  env: NodeJS.ProcessEnv,
  settingsForm: z.ZodObject = NO_SETTINGS,
  rules = RULES,
): { config: Config; problems: readonly Problem[] } {
  const forms: Forms = { ...Variables.shape, ...settingsForm.shape };
  const [names, secrets] = [Object.keys(forms), secretsOf(forms)];
  const { texts, problems: unread } = readTexts(env, names, secrets);
  const ours = parseAll(Variables, texts);
  const settings = parseAll(settingsForm, texts);
  const { tracing, problems: untraceable } = readTracing(env);
  const heap = getHeapStatistics().heap_size_limit;
  const config = complete({
    ...(ours.values as Parsed),
    settings: unprintable(settings.values as Config['settings'], secrets),
    tracing,
    memory: { unsent: { perProcess: heap / 4, perCaller: heap / 16 }, perStore: heap / 8 },
  });

  const invalid = new Set([...unread, ...ours.problems].map(({ variable }) => variable));
  const isInvalid = (name: string) => invalid.has(name) || invalid.has(`${name}_FILE`);
  const broken = brokenRules(rules, config, (name) => texts[name] !== undefined, isInvalid);
  const problems = [
    ...misspelled(env, new Set([...names, ...[...secrets].map((name) => `${name}_FILE`)])),
    ...unread,
    ...ours.problems,
    ...settings.problems,
    ...broken,
    ...untraceable,
  ];
  return { config, problems };
}

/** Every problem at once, and the values of the variables that are valid. */
function parseAll(form: z.ZodType<object>, texts: Readonly<Record<string, string>>) {
  const { data, error } = form.safeParse(texts);
  if (error === undefined) return { values: data, problems: [] };

  const problems = error.issues.map(({ path, message }) => ({
    variable: path.join('.') || 'tool settings',
    message: texts[String(path[0])] === undefined && path.length > 0 ? 'required: set it' : message,
  }));
  const atFault = new Set(error.issues.map(({ path }) => path[0]));
  const rest = Object.fromEntries(Object.entries(texts).filter(([name]) => !atFault.has(name)));
  return { values: form.safeParse(rest).data ?? {}, problems };
}

function complete(given: Parsed & Pick<Config, 'settings' | 'tracing' | 'memory'>): Config {
  const withUrl = { ...given, PUBLIC_URL: given.PUBLIC_URL ?? defaultPublicUrl(given) };
  const config = {
    ...withUrl,
    ALLOWED_HOSTS: given.ALLOWED_HOSTS ?? defaultHosts(withUrl),
    JWT_AUDIENCE: given.JWT_AUDIENCE ?? defaultAudience(withUrl.PUBLIC_URL),
    SHUTDOWN_DELAY_MS: given.SHUTDOWN_DELAY_MS ?? (given.NODE_ENV === 'production' ? 5000 : 0),
  };
  return unprintable(config, SECRETS);
}

/** The configuration once `PORT=0` has become a real port, which the derived values contain. */
export function atPort(config: Config, port: number): Config {
  const { PUBLIC_URL, ALLOWED_HOSTS, JWT_AUDIENCE } = config;
  const unlessEqual = <T>(value: T, derived: T) => (isDeepStrictEqual(value, derived) ? undefined : value);
  return complete({
    ...config,
    PORT: port,
    PUBLIC_URL: PUBLIC_URL.href === defaultPublicUrl(config).href ? undefined : PUBLIC_URL,
    ALLOWED_HOSTS: unlessEqual(ALLOWED_HOSTS, defaultHosts(config)),
    JWT_AUDIENCE: unlessEqual(JWT_AUDIENCE, defaultAudience(PUBLIC_URL)),
  });
}

/** Hides secrets from JSON and `inspect`, in case someone logs the configuration or the settings. */
function unprintable<T extends object>(values: T, secrets: ReadonlySet<string>): T {
  const show = ([name, value]: [string, unknown]) => [name, secrets.has(name) ? '[redacted]' : value];
  const shown = { value: () => Object.fromEntries(Object.entries(values).map(show)) as object };
  return Object.defineProperties(values, { toJSON: shown, [inspect.custom]: shown });
}
