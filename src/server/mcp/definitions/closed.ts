/** What no schema names is refused: a model that misspells an argument must not get silence (OWASP AISVS 10.4.3). */
import { z } from 'zod';

/**
 * A copy in which every `z.object` that does not say `.loose()` or `.catchall(…)` is strict, at any depth. The schema
 * itself stays as it is: its author may use it elsewhere.
 */
export function closed(schema: z.ZodType): z.ZodType {
  const copies = new Map<Schema, Schema>();
  const copyOf: CopyOf = (one) => {
    const known = copies.get(one);
    if (known) return known;
    const made = copy(one, copyOf);
    copies.set(one, made);
    return made;
  };
  return copyOf(schema) as z.ZodType;
}

type Schema = z.core.$ZodType;
type CopyOf = (schema: Schema) => Schema;

function copy(schema: Schema, copyOf: CopyOf): Schema {
  const { def } = schema._zod;
  const changes = changesOf(def, copyOf);
  if (Object.keys(changes).length === 0) return schema;
  const made = z.core.clone(schema, z.core.util.mergeDefs(def, changes) as typeof def);
  const meta = z.globalRegistry.get(schema);
  if (meta) z.globalRegistry.add(made as z.ZodType, meta);
  return made;
}

/** Shapes and `z.lazy` are copied when they are first read: they may name the schema that they are a part of. */
function changesOf(def: Schema['_zod']['def'], copyOf: CopyOf): object {
  const { type, getter, shape } = def as { type: string; getter?: () => Schema; shape?: Shape };
  if (type === 'lazy' && getter) return { getter: () => copyOf(getter()), _cachedInner: undefined };
  const parts: Record<string, unknown> = {};
  // A default is a getter that makes a new value each time: it must stay one.
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(def))) {
    if (isSchema(value)) parts[name] = copyOf(value);
    else if (Array.isArray(value) && value.every(isSchema)) parts[name] = value.map(copyOf);
  }
  if (type !== 'object' || !shape) return parts;
  const error: z.core.$ZodErrorMap = (issue) => wordsFor(issue) ?? def.error?.(issue as never);
  return { catchall: z.never(), ...parts, error, shape: copyOfShape(shape, copyOf) };
}

const isSchema = (value: unknown): value is Schema => value instanceof z.core.$ZodType;

type Shape = Readonly<Record<string, Schema>>;

function copyOfShape(shape: Shape, copyOf: CopyOf): object {
  const copied = {};
  for (const name of Object.keys(shape)) {
    const get = () => copyOf(shape[name] as Schema);
    Object.defineProperty(copied, name, { enumerable: true, get });
  }
  return copied;
}

/** zod's message would quote the client's unknown keys in full, and not name the known ones. */
function wordsFor({ code, keys, inst }: Parameters<z.core.$ZodErrorMap>[0]): string | undefined {
  if (code !== 'unrecognized_keys') return undefined;
  return unknownNames(keys, Object.keys((inst as z.ZodObject)._zod.def.shape));
}

const MAX_NAMED = 3;
/** A name that a definition could have. A client chooses its keys freely: any text, of any length. */
export const PLAIN_NAME = /^[\w$][\w$.-]{0,63}$/;

/** Tells a model which names are wrong, and which names it can use instead. */
export function unknownNames(unknown: readonly string[], known: readonly string[]): string {
  const plain = unknown.filter((name) => PLAIN_NAME.test(name)).slice(0, MAX_NAMED);
  const others = unknown.length - plain.length;
  const named = [...plain, ...(others > 0 ? [`${others} more`] : [])].join(', ');
  return `has unknown properties: ${named}; known are: ${known.join(', ') || 'none'}`;
}
