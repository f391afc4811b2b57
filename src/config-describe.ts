import type { z } from 'zod';

export interface VariableInfo {
  readonly meaning: string;
  /** The default as one would write it, or words for a computed one; empty when there is none. */
  readonly default: string;
  readonly secret: boolean;
}

/** What the documents, the doctor and the `NAME_FILE` forms need to know; set by `describe` and `meta` at any depth. */
export function describe(form: z.ZodType): VariableInfo {
  const { innerType, defaultValue } = form.def as { innerType?: z.ZodType; defaultValue?: unknown };
  const inner = innerType === undefined ? undefined : describe(innerType);
  const { description, default: words = defaultValue, secret } = form.meta() ?? {};
  return {
    meaning: description ?? inner?.meaning ?? '',
    default: isPlain(words) ? String(words) : (inner?.default ?? ''),
    secret: secret === true || inner?.secret === true,
  };
}

const isPlain = (value: unknown) =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
