/** Checks the server's settings in a manifest or a compose file with its own configuration, as a start does. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { ConfigError, loadConfig } from '../../src/server/config/index.js';
import { Variables } from '../../src/server/config/schema.js';
import { describe } from '../../src/server/config/values.js';
import { settings } from '../../src/settings.js';

export type Environment = Readonly<Record<string, string>>;

const VARIABLES: Readonly<Record<string, z.ZodType>> = { ...Variables.shape, ...settings.shape };
const SECRETS = Object.entries(VARIABLES).flatMap(([name, form]) => (describe(form).secret ? [name] : []));
const KNOWN = new Set([...Object.keys(VARIABLES), ...SECRETS.map((name) => `${name}_FILE`), 'NODE_OPTIONS']);
/** Valid stand-ins for secrets, which no manifest contains. */
const SAMPLES: Environment = {
  REDIS_URL_FILE: 'rediss://user:password@redis:6379',
  STATE_KEYS_FILE: randomBytes(32).toString('base64url'),
};

/** Every variable that is not one of ours: most are misspellings. */
export const unknownVariables = (names: readonly string[]): readonly string[] =>
  names.filter((name) => !KNOWN.has(name) && !name.startsWith('OTEL_'));

/** The problems that a start would report, as if the files in the settings existed and were valid. */
export function configurationProblems(env: Environment): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-deploy-'));
  try {
    const local = Object.entries(env).map(([name, value]) => {
      if (!name.endsWith('_FILE') || !KNOWN.has(name) || !value) return [name, value];
      writeFileSync(join(folder, name), SAMPLES[name] ?? randomBytes(32).toString('base64'));
      return [name, join(folder, name)];
    });
    loadConfig(Object.fromEntries(local) as Environment, settings);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ variable, message }) => `${variable} ${message}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Environment variables show in `kubectl describe`, in crash reports and in every child process. */
export const secretsIn = (names: readonly string[]): readonly string[] =>
  names.filter(
    (name) => SECRETS.includes(name) || /(PASSWORD|TOKEN|SECRET|API_KEY|OTLP_HEADERS)$/.test(name),
  );
