/** The definitions, checked and compiled once at start-up; nothing of this is done again for a request. */
import { type CompiledSchema, compileSchema } from './schema.js';
import type { Definitions, PromptDefinition, ResourceDefinition, ToolDefinition } from './tool.js';
import { parseUriTemplate, type UriTemplate } from './uri-template.js';
import { type ParamHeader, paramHeaders } from './param-headers.js';

export interface CompiledTool {
  readonly definition: ToolDefinition;
  readonly input: CompiledSchema;
  readonly output: CompiledSchema | undefined;
  /** Arguments that a 2026 client mirrors in `Mcp-Param-*` headers. */
  readonly paramHeaders: readonly ParamHeader[];
  /** The tool as `tools/list` shows it; JSON leaves out what is undefined. */
  readonly entry: object;
}

export interface CompiledResource {
  readonly definition: ResourceDefinition;
  readonly template: UriTemplate;
  readonly entry: object;
}

export interface CompiledPrompt {
  readonly definition: PromptDefinition;
  readonly entry: object;
}

export interface Catalog {
  readonly tools: ReadonlyMap<string, CompiledTool>;
  readonly prompts: ReadonlyMap<string, CompiledPrompt>;
  readonly resources: readonly CompiledResource[];
  /** The resource a URI names, and the variables of its template. */
  findResource(uri: string): { resource: CompiledResource; variables: Record<string, string> } | undefined;
  /** Every scope that some definition names, sorted. */
  readonly scopes: readonly string[];
}

const NAME = /^[A-Za-z0-9_.-]{1,128}$/; // MCP 2025-11-25, server/tools, tool names
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/; // RFC 6749 §3.3, scope-token

/** @throws {TypeError} naming the definition at fault, so that a mistake fails at start-up and not on a request */
export function compileCatalog({ tools, resources, prompts }: Definitions): Catalog {
  const compiledResources = [...compileEach('resource', resources, compileResource).values()];
  const all = [...tools, ...resources, ...prompts];
  return {
    tools: compileEach('tool', tools, compileTool),
    prompts: compileEach('prompt', prompts, compilePrompt),
    resources: compiledResources,
    findResource: (uri) => findResource(compiledResources, uri),
    scopes: [...new Set(all.flatMap((definition) => definition.scopes))].sort(),
  };
}

function compileEach<D extends { name: string; scopes: readonly string[] }, C>(
  kind: string,
  definitions: readonly D[],
  compile: (definition: D) => C,
): Map<string, C> {
  const compiled = new Map<string, C>();
  for (const definition of definitions) {
    const { name, scopes } = definition;
    if (!NAME.test(name)) throw new TypeError(`${kind} "${name}": the name may have A-Z a-z 0-9 _ . - only`);
    if (compiled.has(name)) throw new TypeError(`${kind} "${name}" is defined twice`);
    if (!scopes.every((scope) => SCOPE.test(scope)))
      throw new TypeError(`${kind} "${name}" names a malformed scope`);
    try {
      compiled.set(name, compile(definition));
    } catch (error) {
      throw new TypeError(`${kind} "${name}": ${(error as Error).message}`, { cause: error });
    }
  }
  return compiled;
}

function compileTool(definition: ToolDefinition): CompiledTool {
  const { name, title, description, annotations } = definition;
  const input = compileSchema(definition.input, 'input');
  const output = definition.output && compileSchema(definition.output, 'output');
  const entry = {
    name,
    title,
    description,
    inputSchema: input.json,
    outputSchema: output?.json,
    annotations,
  };
  return { definition, input, output, paramHeaders: paramHeaders(input.json), entry };
}

function compileResource(definition: ResourceDefinition): CompiledResource {
  const { name, title, description, uri, mimeType } = definition;
  const template = parseUriTemplate(uri);
  const address = template.isTemplate ? { uriTemplate: uri } : { uri };
  return { definition, template, entry: { ...address, name, title, description, mimeType } };
}

function compilePrompt(definition: PromptDefinition): CompiledPrompt {
  const { name, title, description } = definition;
  const args = definition.arguments.map((argument) => ({ ...argument, complete: undefined }));
  return { definition, entry: { name, title, description, arguments: args } };
}

function findResource(
  resources: readonly CompiledResource[],
  uri: string,
): ReturnType<Catalog['findResource']> {
  for (const resource of resources) {
    const variables = resource.template.match(uri);
    if (variables) return { resource, variables };
  }
  return undefined;
}
