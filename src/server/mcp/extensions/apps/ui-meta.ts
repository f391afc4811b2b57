/** What `_meta.ui` may say (MCP Apps 2026-01-26). Objects are strict: a misspelled field would silently close or open something. */
import { z } from 'zod';
import { isExactHost, isExactOrigin, isHostname } from '../../../exact-names.js';

export const APP_MIME_TYPE = 'text/html;profile=mcp-app';
export const APP_SCHEME = 'ui://';

const RULE = 'must be an exact https origin, such as https://api.example.com';
/** A URL's host may hold `*`, which is a wildcard in a policy. */
const isHttps = (text: string) => isExactOrigin(text) && isExactHost(text.replace(/^https:\/\//, ''));
const origins = z.array(z.string().refine(isHttps, RULE)).default([]);
/** Web sockets as well. */
const connections = z.array(
  z.string().refine((text) => isHttps(text.replace(/^wss:/, 'https:')), `${RULE}, or a wss one`),
);

const csp = z.strictObject({
  connectDomains: connections.default([]),
  resourceDomains: origins,
  frameDomains: origins,
  baseUriDomains: origins,
});

const asked = z.strictObject({}).optional();
const permissions = z.strictObject({
  camera: asked,
  microphone: asked,
  geolocation: asked,
  clipboardWrite: asked,
});

/** Of a page. Without `csp` it reaches nothing. */
const page = z.strictObject({
  csp: csp.prefault({}),
  permissions: permissions.optional(),
  domain: z
    .string()
    .refine(isHostname, 'must be a host name, in the form that the host documents')
    .optional(),
  prefersBorder: z.boolean().optional(),
});

const tool = z.strictObject({
  resourceUri: z.string().startsWith(APP_SCHEME).optional(),
  visibility: z
    .array(z.enum(['model', 'app']))
    .min(1)
    .optional(),
});

export type AppMeta = z.input<typeof page>;

export const pageMeta = (given: unknown = {}) => parse(page, given);
export const toolMeta = (given: unknown) => parse(tool, given);

/** @throws {TypeError} naming the field at fault */
function parse<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const { data, error } = schema.safeParse(given);
  const [issue] = error?.issues ?? [];
  if (issue) throw new TypeError(`${['_meta.ui', ...issue.path.map(String)].join('.')}: ${issue.message}`);
  return data as z.output<S>;
}
