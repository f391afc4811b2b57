/** MCP Apps (SEP-1865): pages in resources of their own, and tools that name them. */
import type { Definitions, ResourceDefinition, ToolDefinition } from '../../definitions/tool.js';
import type { Extension } from '../extension.js';
import { APP_MIME_TYPE, APP_SCHEME, pageMeta, toolMeta } from './ui-meta.js';

/** List it in `main.ts` and `stdio.ts` to serve pages. */
export const apps: Extension = {
  id: 'io.modelcontextprotocol/ui',
  declares: { 2025: {}, 2026: {} },
  prepare,
};

/** @throws {TypeError} naming the definition at fault */
function prepare({ tools, resources, ...rest }: Definitions): Definitions {
  const isPage = ({ uri }: ResourceDefinition) => uri.toLowerCase().startsWith(APP_SCHEME);
  const pages = new Set(resources.filter(isPage).map(({ uri }) => uri));
  for (const tool of tools) named(`tool "${tool.name}"`, () => requirePage(tool, pages));
  const prepared = resources.map((one) =>
    isPage(one) ? named(`resource "${one.name}"`, () => closePage(one)) : one,
  );
  return { ...rest, tools, resources: prepared };
}

function requirePage({ _meta = {} }: ToolDefinition, pages: ReadonlySet<string>): void {
  if (_meta['ui'] === undefined) return;
  const { resourceUri } = toolMeta(_meta['ui']);
  if (resourceUri !== undefined && !pages.has(resourceUri))
    throw new TypeError('_meta.ui.resourceUri: no resource has this URI');
}

/** Hosts read `_meta.ui` of the list, and of the contents first: both say what was checked here. */
function closePage(resource: ResourceDefinition): ResourceDefinition {
  if (resource.mimeType !== APP_MIME_TYPE) throw new TypeError(`mimeType: must be ${APP_MIME_TYPE}`);
  if (!resource.uri.startsWith(APP_SCHEME) || /[{}]/.test(resource.uri))
    throw new TypeError('uri: a page has one URI of its own, in small letters');
  const ui = pageMeta(resource._meta?.['ui']);
  return {
    ...resource,
    _meta: { ...resource._meta, ui },
    async read(...call) {
      const found = await resource.read(...call);
      if (!found) return undefined;
      const result = 'contents' in found ? found : { contents: [found].flat() };
      const contents = result.contents.map((one) => ({
        ...one,
        mimeType: APP_MIME_TYPE,
        _meta: { ...one._meta, ui },
      }));
      return { ...result, contents };
    },
  };
}

function named<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new TypeError(`${name}: ${(error as Error).message}`, { cause: error });
  }
}
