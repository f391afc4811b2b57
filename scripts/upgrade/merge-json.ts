/** Three-way merge of JSON by its keys: two dependencies on adjacent lines are no conflict. */
import { isDeepStrictEqual } from 'node:util';

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param clash resolves a key that both sides changed differently; it may throw */
export function mergeJson(
  base: unknown,
  ours: unknown,
  theirs: unknown,
  clash: (ours: unknown, theirs: unknown) => unknown,
): unknown {
  if (isDeepStrictEqual(ours, theirs) || isDeepStrictEqual(theirs, base)) return ours;
  if (isDeepStrictEqual(ours, base)) return theirs;
  if (!isObject(ours) || !isObject(theirs)) return clash(ours, theirs);
  const before = isObject(base) ? base : {};
  const merged = keysOf(ours, theirs).map((key) => [
    key,
    mergeJson(before[key], ours[key], theirs[key], clash),
  ]);
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined));
}

/** npm sorts dependencies; other keys keep their order. */
function keysOf(ours: Json, theirs: Json): readonly string[] {
  const keys = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  const isSorted = isDeepStrictEqual(Object.keys(ours), Object.keys(ours).sort());
  return isSorted ? keys.sort() : keys;
}
