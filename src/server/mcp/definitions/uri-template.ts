/** The part of RFC 6570 that resource templates use: `{name}` (one path segment) and `{+name}` (with slashes). */

/** A longer URI matches nothing: matching is at worst quadratic in the length. */
const MAX_URI_LENGTH = 4096;

const EXPRESSION = /\{(\+?)([A-Za-z0-9_]+)\}/g;

/** Unnecessary percent-encoding gives a URI a second spelling (RFC 3986 §6.2.2). A resource has only one. */
const ALIAS = /%(?:[0-9A-F]?[a-f]|2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)|[^\x21-\x7e]/;

/** @throws {TypeError} for an expression of RFC 6570 other than these, a name used twice, and more than one `{+name}` or two in a segment */
export function parseUriTemplate(template: string) {
  const names: string[] = [];
  let pattern = '';
  let end = 0;
  for (const { 0: expression, 1: plus, 2: name = '', index } of template.matchAll(EXPRESSION)) {
    pattern += escapeRegExp(template.slice(end, index)) + (plus ? '(.+)' : '([^/?#]+)');
    names.push(name);
    end = index + expression.length;
  }
  const isOther = /[{}]/.test(template.replaceAll(EXPRESSION, ''));
  if (isOther || isAmbiguous(template) || new Set(names).size !== names.length) {
    throw new TypeError(`unsupported URI template: ${template}`);
  }
  const regex = new RegExp(`^${pattern}${escapeRegExp(template.slice(end))}$`);
  return { isTemplate: names.length > 0, match: (uri: string) => variables(regex, names, uri) };
}

/** Adjacent wildcards backtrack: the cost of a hostile URI would be its length to the power of their number. */
function isAmbiguous(template: string): boolean {
  const count = (text: string) => [...text.matchAll(EXPRESSION)].length;
  return template.split('{+').length > 2 || template.split('/').some((segment) => count(segment) > 2);
}

/** The variables of a matching URI, percent-decoded; `undefined` when it does not match. */
function variables(regex: RegExp, names: readonly string[], uri: string): Record<string, string> | undefined {
  const found = uri.length <= MAX_URI_LENGTH && !ALIAS.test(uri) ? regex.exec(uri) : null;
  if (!found) return undefined;
  try {
    return Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(found[i + 1] ?? '')]));
  } catch {
    return undefined; // broken percent-encoding names no resource
  }
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
