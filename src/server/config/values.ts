/**
 * How the text of an environment variable becomes a value.
 * No message contains that text: it may be a secret pasted into the wrong variable.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { SCOPE_TOKEN } from '../exact-names.js';

type AuditSink = { readonly kind: 'stdout' } | { readonly kind: 'file'; readonly path: string };
type Parse<T> = (text: string) => T | undefined;

/** `setTimeout` fires at once for a longer time: a huge time-out would end every call immediately. */
const MAX_TIMER_MS = 2_147_483_647;

/** @param parse returns `undefined` for a text that it does not accept */
export function parsed<T>(parse: Parse<T>, expected: string) {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

/** A comma list without empty or repeated entries. */
export function list<T>(parse: Parse<T>, expected: string) {
  return parsed(everyItem(parse), `must be a comma list; each entry ${expected}`);
}

/** A comma list, or the word `none`: a list must not be empty by accident. */
export function listOrNone<T>(parse: Parse<T>, expected: string) {
  const items: Parse<readonly T[]> = (text) => (text === 'none' ? [] : everyItem(parse)(text));
  return parsed(items, `must be none or a comma list; each entry ${expected}`);
}

function everyItem<T>(parse: Parse<T>): Parse<readonly T[]> {
  return (text) => {
    const items = [...new Set(text.split(',').map((item) => item.trim()))].map(parse);
    return items.includes(undefined) ? undefined : (items as T[]);
  };
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const parse = (text: string) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };
  return parsed(parse, `must be a whole number from ${min} to ${max}`);
}

export const milliseconds = (min: number = 1) => integer(min, MAX_TIMER_MS);

export function oneOf<const T extends string>(...values: readonly T[]) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

export function oneWord<const T extends string>(...values: readonly T[]): Parse<T> {
  return (text) => values.find((value) => value === text);
}

export const boolean = oneOf('true', 'false').transform((text) => text === 'true');

/** The path of a file that this process can read. */
export const readableFile = z
  .string()
  .refine((path) => readOrUndefined(path) !== undefined, 'must name a file that this process can read');

export function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

export const rateLimit = parsed(parseRateLimit, 'must be points/window, such as 600/60s (units ms, s, m, h)');

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

function parseRateLimit(text: string): { points: number; windowMs: number } | undefined {
  const [, points, amount, unit] = /^([1-9]\d{0,8})\/([1-9]\d{0,8})(ms|s|m|h)$/.exec(text) ?? [];
  if (unit === undefined) return undefined;
  const windowMs = Number(amount) * UNITS[unit as keyof typeof UNITS];
  return windowMs <= MAX_TIMER_MS ? { points: Number(points), windowMs } : undefined;
}

export function parseToolName(text: string): string | undefined {
  return /^[\w.-]{1,128}$/.exec(text)?.[0];
}

export function parseAuditSink(text: string): AuditSink | undefined {
  if (text === 'stdout') return { kind: 'stdout' };
  const [, path] = /^file:(.+)$/.exec(text) ?? [];
  return path === undefined ? undefined : { kind: 'file', path };
}

/** @param path of an Ed25519 private key in PEM */
export function readSigningKey(path: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(readFileSync(path, 'utf8'));
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Refuses keys that repeat a part or a character. Random keys pass: 32 hexadecimal digits have about 29 distinct pairs. */
function isVaried(key: Buffer): boolean {
  const pairs = new Set(Array.from(key.subarray(1), (byte, before) => `${key[before]} ${byte}`));
  return pairs.size >= 20 && key.lastIndexOf(key.subarray(0, 8)) === 0;
}

/** 32 bytes, written in the one canonical way. */
export function parseKey(text: string): Buffer | undefined {
  const key = Buffer.from(text, 'base64url');
  return key.length === 32 && key.toString('base64url') === text && isVaried(key) ? key : undefined;
}

/** RFC 6749 appendix A: what a client's id and secret consist of; a JWK may have line breaks. */
export const visibleText = parsed((text) => /^[\x20-\x7e\s]+$/.exec(text)?.[0], 'must be printable ASCII');

/** RFC 6749 §3.3: `scope-token`s, separated by spaces; commas separate too, as in every other list here. */
function parseScopes(text: string): readonly string[] | undefined {
  const scopes = [...new Set(text.split(/[\s,]+/))];
  return scopes.every((scope) => SCOPE_TOKEN.test(scope)) ? scopes : undefined;
}

export const scopes = parsed(parseScopes, 'must be OAuth scope tokens (RFC 6749 §3.3), separated by spaces');

export const hmacKey = parsed(
  (text) => (text.length >= 32 && isVaried(Buffer.from(text)) ? Buffer.from(text) : undefined),
  'must have at least 32 random characters: openssl rand -base64 32',
);

/**
 * What the documentation, the doctor and `NAME_FILE` need to know, from `describe` and `meta` at any depth of the schema.
 * `default` is text, or words for a computed default, or empty. A secret is never shown and may come as `NAME_FILE`.
 */
export function describe(form: z.ZodType): { meaning: string; default: string; secret: boolean } {
  const { innerType, defaultValue } = form.def as { innerType?: z.ZodType; defaultValue?: unknown };
  const inner = innerType ? describe(innerType) : { meaning: '', default: '', secret: false };
  const { description, default: words = defaultValue, secret } = form.meta() ?? {};
  const isPlain = typeof words === 'string' || typeof words === 'number' || typeof words === 'boolean';
  return {
    meaning: description ?? inner.meaning,
    default: isPlain ? String(words) : inner.default,
    secret: secret === true || inner.secret,
  };
}
