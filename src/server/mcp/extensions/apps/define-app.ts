import { readFileSync } from 'node:fs';
import type { ResourceDefinition } from '../../definitions/tool.js';
import { APP_MIME_TYPE, type AppMeta } from './ui-meta.js';

type Named = Pick<ResourceDefinition, 'name' | 'title' | 'description' | 'icons' | 'scopes'>;

/** A page that a host shows in a sandboxed frame. What it does not name here, the host blocks. */
export interface AppDefinition extends Named, AppMeta {
  /** What tools name in `_meta.ui.resourceUri`. */
  readonly uri: `ui://${string}`;
  /** One HTML file with its styles and scripts inside: `new URL('page.html', import.meta.url)`. */
  readonly html: URL;
}

/** A resource, to be listed like any other. @throws {TypeError} when the file is no HTML document */
export function defineApp(app: AppDefinition): ResourceDefinition {
  const { html, csp, permissions, domain, prefersBorder, ...named } = app;
  const text = readFileSync(html, 'utf8');
  if (!/^\s*<!doctype html>/i.test(text))
    throw new TypeError(`app "${named.name}": the file does not begin with <!doctype html>`);
  const given = Object.entries({ csp, permissions, domain, prefersBorder });
  const ui = Object.fromEntries(given.filter(([, value]) => value !== undefined));
  return { ...named, mimeType: APP_MIME_TYPE, _meta: { ui }, read: async (uri) => ({ uri, text }) };
}
