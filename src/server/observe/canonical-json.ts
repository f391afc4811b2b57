/**
 * The one spelling of a JSON value (RFC 8785): members sorted by UTF-16 code units, no spaces, numbers and strings as
 * ECMAScript writes them.
 *
 * @param value of well-formed strings; what JSON has no form for becomes null, or is left out of an object
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  let json = '';
  for (const name of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined) continue;
    json += `${json === '' ? '' : ','}${canonicalString(name)}:${canonicalJson(member)}`;
  }
  return `{${json}}`;
}

/** Text that needs no escape, as most does: `JSON.stringify` is slow. */
const PLAIN = /^[ !#-[\]-~]*$/;

const canonicalString = (text: string) => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));
