/** Turns the schema of a definition into what clients see (JSON Schema 2020-12) and what checks a value. Start-up only. */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { closed, PLAIN_NAME, unknownNames } from './closed.js';
import type { Input, JsonSchema } from './tool.js';

/** Checks a value. `problems` reach the client: places and rules, never values, and a bounded number. */
export type Check = (value: unknown) => { ok: true; value: unknown } | { ok: false; problems: string };

export interface CompiledSchema {
  readonly json: JsonSchema;
  readonly check: Check;
}

// Strict mode would refuse annotations such as `x-mcp-header`; formats are annotations in 2020-12.
// `verbose` tells, with an error, which part of the schema it is about.
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false, verbose: true });

/** @throws {TypeError} when the schema has no object root or cannot be expressed in JSON Schema 2020-12 */
export function compileSchema(schema: Input, io: 'input' | 'output'): CompiledSchema {
  if (schema instanceof z.ZodType) return compileZod(io === 'input' ? closed(schema) : schema, io);
  if (schema.type !== 'object') throw new TypeError('the root of a schema must have type "object"');
  const validate = ajv.compile(schema);
  const check: Check = (value) => {
    if (validate(value)) return { ok: true, value };
    const [error] = validate.errors ?? [];
    return { ok: false, problems: error ? describeError(error) : 'is not valid' };
  };
  return { json: schema, check };
}

function compileZod(schema: z.ZodType, io: 'input' | 'output'): CompiledSchema {
  const json = z.toJSONSchema(schema, { target: 'draft-2020-12', io }) as JsonSchema;
  if (json.type !== 'object') throw new TypeError('the root of a schema must be z.object(…)');
  const check: Check = (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { ok: true, value: parsed.data };
    return { ok: false, problems: parsed.error.issues.slice(0, MAX_PROBLEMS).map(describeIssue).join('; ') };
  };
  return { json, check };
}

/** zod reports one for every wrong item of a list: a small request could cause a large answer. */
const MAX_PROBLEMS = 5;

/** In a union, the option that fits except for unknown properties explains most. */
function describeIssue(issue: z.core.$ZodIssue): string {
  const options = issue.code === 'invalid_union' ? issue.errors : [];
  const [near] = options.filter((issues) => issues.every(({ code }) => code === 'unrecognized_keys')).flat();
  const path = [...issue.path, ...(near?.path ?? [])];
  return problem(path.map(String), (near ?? issue).message);
}

function describeError({
  instancePath,
  message = 'is not valid',
  params,
  parentSchema,
}: ErrorObject): string {
  const path = instancePath.split('/').slice(1);
  const { additionalProperty, unevaluatedProperty = additionalProperty } = params as Record<string, string>;
  if (unevaluatedProperty === undefined) return problem(path, message);
  return problem(
    path,
    unknownNames([unevaluatedProperty], Object.keys(Object(parentSchema?.['properties']))),
  );
}

function problem(path: readonly string[], rule: string): string {
  const place = path.map((name) => (PLAIN_NAME.test(name) ? name : '*')).join('/');
  return `/${place.slice(0, 100)} ${rule}`;
}

/** Checks one value against a schema for this value only, which ajv must not cache. */
export function isValid(schema: JsonSchema, value: unknown): boolean {
  try {
    return ajv.validate(schema, value);
  } finally {
    ajv.removeSchema(schema);
  }
}
