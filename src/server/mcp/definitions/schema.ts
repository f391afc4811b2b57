/** Turns the schema of a definition into what clients see (JSON Schema 2020-12) and what checks a value. Start-up only. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import type { Input, JsonSchema } from './tool.js';

/** Checks a value. `problems` reach the client: places and rules, never values, and a bounded number. */
export type Check = (value: unknown) => { ok: true; value: unknown } | { ok: false; problems: string };

export interface CompiledSchema {
  readonly json: JsonSchema;
  readonly check: Check;
}

// Strict mode would refuse annotations such as `x-mcp-header`; formats are annotations in 2020-12.
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false });

/** @throws {TypeError} when the schema has no object root or cannot be expressed in JSON Schema 2020-12 */
export function compileSchema(schema: Input, io: 'input' | 'output'): CompiledSchema {
  if (schema instanceof z.ZodType) return compileZod(schema, io);
  if (schema.type !== 'object') throw new TypeError('the root of a schema must have type "object"');
  const validate = ajv.compile(schema);
  const check: Check = (value) => {
    if (validate(value)) return { ok: true, value };
    const [error] = validate.errors ?? [];
    return { ok: false, problems: problem(error?.instancePath || '/', error?.message ?? 'is not valid') };
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

/** Bounded, since a client chooses the keys of an open object. */
const problem = (place: string, rule: string) => `${place.slice(0, 100)} ${rule}`;

/** zod's message would quote the client's unknown keys. */
function describeIssue(issue: z.core.$ZodIssue): string {
  const rule = issue.code === 'unrecognized_keys' ? 'has unknown properties' : issue.message;
  return problem(`/${issue.path.map(String).join('/')}`, rule);
}

/** Checks one value against a schema for this value only, which ajv must not cache. */
export function isValid(schema: JsonSchema, value: unknown): boolean {
  try {
    return ajv.validate(schema, value);
  } finally {
    ajv.removeSchema(schema);
  }
}
