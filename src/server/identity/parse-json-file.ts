import type { z } from 'zod';

/** A file of JSON that fits the schema. @param kind for the message @throws {Error} naming the first problem, without values */
export function parseJsonFile<T>(schema: z.ZodType<T>, text: string, kind: string): T {
  const result = schema.safeParse(parseJson(text, kind));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Error(`not a ${kind}: ${issue?.path.join('.')} ${issue?.message}`);
}

/** Hides the message of `JSON.parse`, which quotes the text. */
function parseJson(text: string, kind: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`not a ${kind}: not JSON`);
  }
}
