/** What a client can be asked, and which answers are valid, in both eras. */
import type { Params } from './call.js';
import { isValid } from '../definitions/schema.js';
import { type AskByUrl, type AskRequest, type JsonSchema, MissingCapability } from '../definitions/tool.js';

type AskMethod = AskRequest['method'];

const CAPABILITY = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
} as const;

export function isByUrl(request: AskRequest): request is AskByUrl {
  return request.method === 'elicitation/create' && request.params.mode === 'url';
}

/** Whether a client declared support for such a question. */
export function declares(capabilities: Params, method: AskMethod, mode: 'form' | 'url' = 'form'): boolean {
  const declared = capabilities[CAPABILITY[method]];
  if (typeof declared !== 'object' || declared === null) return false;
  // `elicitation: {}` means forms; a client that names modes must name this one (elicitation, capabilities).
  if (method !== 'elicitation/create' || mode in declared) return true;
  return mode === 'form' && !('url' in declared);
}

/** The first revision in which a user can be sent to a URL. */
const URL_SINCE = '2025-11-25';

/** The capabilities of a client that concern our questions and exist in its revision, without its other ones. */
export function declared(capabilities: Params, protocolVersion: string): Params {
  const methods = (Object.keys(CAPABILITY) as AskMethod[]).filter((method) => declares(capabilities, method));
  const kept: Params = Object.fromEntries(methods.map((method) => [CAPABILITY[method], {}]));
  if (protocolVersion < URL_SINCE || !declares(capabilities, 'elicitation/create', 'url')) return kept;
  return {
    ...kept,
    elicitation: { ...(declares(capabilities, 'elicitation/create') && { form: {} }), url: {} },
  };
}

/** What a client declares that answers such questions. */
export const capabilityOf = (method: AskMethod) => CAPABILITY[method];

/** Otherwise the call would wait for an answer that never comes. @throws {MissingCapability} */
export function requireDeclared(capabilities: Params, request: AskRequest): void {
  const mode = isByUrl(request) ? 'url' : undefined;
  if (!declares(capabilities, request.method, mode))
    throw new MissingCapability(CAPABILITY[request.method], mode);
}

type HasShape = (method: AskMethod, value: unknown) => boolean;

/**
 * @param hasShape whether MCP's schema for answers to this method, in the revision spoken, takes a value
 * @param takesBlocks whether a model may answer with a list of content blocks: since 2025-11-25
 */
export function isAnswer(
  request: AskRequest,
  answer: unknown,
  hasShape: HasShape,
  takesBlocks = true,
): boolean {
  const { action, content } = (answer ?? {}) as { action?: string; content?: unknown };
  if (request.method === 'sampling/createMessage' && takesBlocks && Array.isArray(content))
    return (
      content.length > 0 &&
      content.every((block) => hasShape(request.method, { ...(answer as object), content: block }))
    );
  if (!hasShape(request.method, answer)) return false;
  if (request.method !== 'elicitation/create' || isByUrl(request) || action !== 'accept') return true;
  return isValid(request.params.requestedSchema as JsonSchema, content ?? {});
}
