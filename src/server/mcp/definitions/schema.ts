/** Turns the schema of a definition into what clients see (JSON Schema 2020-12) and what checks a value. Start-up only. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import type { Input, JsonSchema } from './tool.js';

/** Checks a value. `problems` name places and rules, never values, and are few and short: they reach the client. */
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

/** zod finds one for every wrong item of a list: a small request would have a large answer. */
const MAX_PROBLEMS = 5;

/** The keys of an open object are the client's own, of any length. */
const problem = (place: string, rule: string) => `${place.slice(0, 100)} ${rule}`;

/** zod's own words quote unknown keys and offered options; only the latter are ours. */
function describeIssue(issue: z.core.$ZodIssue): string {
  const rule = issue.code === 'unrecognized_keys' ? 'has unknown properties' : issue.message;
  return problem(`/${issue.path.map(String).join('/')}`, rule);
}

/** Checks one value against a schema that was made for it alone; nothing of it is kept. */
export function isValid(schema: JsonSchema, value: unknown): boolean {
  try {
    return ajv.validate(schema, value);
  } finally {
    ajv.removeSchema(schema);
  }
}
