/** The definitions, checked and compiled once at start-up; nothing of this is done again for a request. */
import { compileSchema } from './schema.js';
import type { Definitions, PromptDefinition, ResourceDefinition, ToolDefinition } from './tool.js';
import { type Kind, requireShape } from './shapes.js';
import { parseUriTemplate } from './uri-template.js';
import { SCOPE_TOKEN } from '../../exact-names.js';
import { paramHeaders } from '../envelope/param-headers.js';
import type { Guarded } from './scopes.js';

export type Catalog = ReturnType<typeof compileCatalog>;
export type CompiledTool = Guarded & ReturnType<typeof compileTool>;

const NAME = /^[A-Za-z0-9_.-]{1,128}$/; // MCP 2025-11-25, server/tools, tool names

/** @throws {TypeError} naming the definition at fault, so that a mistake fails at start-up and not on a request */
export function compileCatalog(
  { tools, resources, prompts }: Definitions,
  requiredScopes: readonly string[] = [],
) {
  const compiled = compileEach('resource', requiredScopes, resources, compileResource);
  const named = [...tools, ...resources, ...prompts].flatMap(({ scopes }) => scopes);
  return {
    tools: compileEach('tool', requiredScopes, tools, compileTool),
    prompts: compileEach('prompt', requiredScopes, prompts, compilePrompt),
    resources: [...compiled.values()],
    /** The resource a URI names, and the variables of its template. */
    findResource: (uri: string) => {
      for (const resource of compiled.values()) {
        const variables = resource.template.match(uri);
        if (variables) return { resource, variables };
      }
      return undefined;
    },
    /** What every call needs. */
    requiredScopes,
    /** Every scope that some call needs. */
    scopes: [...new Set([...requiredScopes, ...named.sort()])],
  };
}

function compileEach<D extends Guarded & { readonly name: string }, C>(
  kind: Kind,
  requiredScopes: readonly string[],
  definitions: readonly D[],
  compile: (definition: D) => C,
): ReadonlyMap<string, C & Guarded> {
  const compiled = new Map<string, C & Guarded>();
  for (const definition of definitions) {
    const { name, scopes } = definition;
    if (!NAME.test(name)) throw new TypeError(`${kind} "${name}": the name may have A-Z a-z 0-9 _ . - only`);
    if (compiled.has(name)) throw new TypeError(`${kind} "${name}" is defined twice`);
    if (!scopes.every((scope) => SCOPE_TOKEN.test(scope)))
      throw new TypeError(`${kind} "${name}" names a malformed scope`);
    try {
      requireShape(kind, definition);
      compiled.set(name, { ...compile(definition), scopes: [...new Set([...requiredScopes, ...scopes])] });
    } catch (error) {
      throw new TypeError(`${kind} "${name}": ${(error as Error).message}`, { cause: error });
    }
  }
  return compiled;
}

/** `entry` is what a list shows; JSON leaves out what is undefined. */
function compileTool(definition: ToolDefinition) {
  const { name, title, description, icons, annotations, _meta } = definition;
  const input = compileSchema(definition.input, 'input');
  const output = definition.output && compileSchema(definition.output, 'output');
  const schemas = { inputSchema: input.json, outputSchema: output?.json };
  const entry = { name, title, description, icons, ...schemas, annotations, _meta };
  return { definition, input, output, paramHeaders: paramHeaders(input.json), entry };
}

function compileResource(definition: ResourceDefinition) {
  const { uri, name, title, description, icons, mimeType, size, annotations, _meta } = definition;
  const template = parseUriTemplate(uri);
  if (template.isTemplate && size !== undefined) throw new TypeError('size: a template has none');
  const address = template.isTemplate ? { uriTemplate: uri } : { uri };
  const entry = { ...address, name, title, description, icons, mimeType, size, annotations, _meta };
  return { definition, template, entry };
}

function compilePrompt(definition: PromptDefinition) {
  const { name, title, description, icons, _meta } = definition;
  const args = definition.arguments.map((argument) => ({ ...argument, complete: undefined }));
  return { definition, entry: { name, title, description, icons, arguments: args, _meta } };
}
