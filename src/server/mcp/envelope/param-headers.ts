/** `x-mcp-header`: tool arguments mirrored in `Mcp-Param-*` headers (MCP 2026-07-28, streamable HTTP, custom headers). */
import type { JsonSchema } from '../definitions/tool.js';

export interface ParamHeader {
  /** Lower-case header name, `mcp-param-…`. */
  readonly header: string;
  /** Keys that lead from the arguments to the value. */
  readonly path: readonly string[];
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 9110 §5.6.2
const MIRRORED_TYPES = new Set(['string', 'integer', 'boolean']);

/** @throws {TypeError} for an annotation that would make clients reject the tool */
export function paramHeaders(schema: JsonSchema): readonly ParamHeader[] {
  const found: ParamHeader[] = [];
  collect(schema, [], found);
  if (new Set(found.map(({ header }) => header)).size !== found.length) {
    throw new TypeError('x-mcp-header values must be unique, whatever their case');
  }
  const annotations = JSON.stringify(schema).split('"x-mcp-header":').length - 1;
  if (annotations !== found.length)
    throw new TypeError('x-mcp-header may only stand on a chain of "properties"');
  return found;
}

function collect(
  schema: Readonly<Record<string, unknown>>,
  path: readonly string[],
  found: ParamHeader[],
): void {
  const name = schema['x-mcp-header'];
  if (name !== undefined) {
    if (typeof name !== 'string' || !TOKEN.test(name))
      throw new TypeError('x-mcp-header must be a header name token');
    if (!MIRRORED_TYPES.has(String(schema['type']))) {
      throw new TypeError('x-mcp-header needs type string, integer or boolean');
    }
    found.push({ header: `mcp-param-${name.toLowerCase()}`, path });
  }
  const properties = (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>;
  for (const [key, property] of Object.entries(properties)) {
    if (typeof property === 'object') collect(property, [...path, key], found);
  }
}

/** The types of argument that a header can mirror. */
export type Mirrored = string | number | boolean;

/** The value at the path of a mirrored argument; `undefined` if absent or of a type that the schema will refuse. */
export function mirroredValue(args: unknown, path: readonly string[]): Mirrored | undefined {
  let value = args;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return ['string', 'number', 'boolean'].includes(typeof value) ? (value as Mirrored) : undefined;
}

const ENCODED = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** Decodes the Base64 sentinel form of `Mcp-Name` and `Mcp-Param-*`; `undefined` when a header holds invalid characters. */
export function decodeHeaderValue(value: string): string | undefined {
  const encoded = ENCODED.exec(value)?.[1];
  if (encoded !== undefined) {
    const decoded = Buffer.from(encoded, 'base64');
    return decoded.toString('base64') === encoded ? decoded.toString('utf8') : undefined;
  }
  return /^[\t\x20-\x7e]*$/.test(value) ? value : undefined;
}
