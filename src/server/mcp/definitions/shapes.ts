/**
 * What a definition says of itself reaches clients as it is. Its shape is checked at start-up, since a client may refuse a
 * whole list over one wrong field. Nested objects are strict, so that a misspelled field is found as well.
 */
import { z } from 'zod';

/** MCP, `_meta`: an optional prefix of labels (`com.example/`), then a name. */
const META_KEY =
  /^(?:[a-z](?:[a-z\d-]*[a-z\d])?(?:\.[a-z](?:[a-z\d-]*[a-z\d])?)*\/)?(?:[a-z\d](?:[\w.-]*[a-z\d])?)?$/i;

const meta = z.record(z.string().regex(META_KEY, 'must be a key such as com.example/name'), z.json());

const icon = z.strictObject({
  src: z.string().regex(/^(?:https:\/\/|data:image\/)/, 'must be an https: or data:image/ URI'),
  mimeType: z.string().optional(),
  sizes: z.array(z.string().regex(/^(?:\d+x\d+|any)$/, 'must be WxH, or any')).optional(),
  theme: z.enum(['light', 'dark']).optional(),
});

const annotations = z.strictObject({
  audience: z.array(z.enum(['user', 'assistant'])).optional(),
  priority: z.number().min(0).max(1).optional(),
  lastModified: z.iso.datetime({ offset: true }).optional(),
});

const hint = z.boolean().optional();
const toolAnnotations = z.strictObject({
  readOnlyHint: hint,
  destructiveHint: hint,
  idempotentHint: hint,
  openWorldHint: hint,
});

const named = z.object({
  title: z.string().optional(),
  description: z.string(),
  icons: z.array(icon).optional(),
  _meta: meta.optional(),
});

const SHAPES = {
  tool: named.extend({ annotations: toolAnnotations.optional() }),
  resource: named.extend({
    mimeType: z.string().optional(),
    annotations: annotations.optional(),
    size: z.int().min(0).optional(),
  }),
  prompt: named.extend({
    arguments: z.array(
      z.object({
        name: z.string().min(1),
        title: z.string().optional(),
        description: z.string().optional(),
        required: z.boolean().optional(),
      }),
    ),
  }),
  about: z.strictObject({
    title: z.string().optional(),
    description: z.string().optional(),
    websiteUrl: z.url({ protocol: /^https?$/ }).optional(),
    icons: z.array(icon).optional(),
    instructions: z.string().optional(),
  }),
};

export type Kind = keyof typeof SHAPES;

/** @throws {TypeError} naming the field at fault */
export function requireShape(kind: Kind, definition: unknown): void {
  const [issue] = SHAPES[kind].safeParse(definition).error?.issues ?? [];
  if (issue) throw new TypeError(`${issue.path.map(String).join('.')}: ${issue.message}`);
}
