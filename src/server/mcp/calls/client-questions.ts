/** What a client can be asked, and which answers are valid, in both eras. */
import type { Params } from './call.js';
import { isValid } from '../definitions/schema.js';
import { type AskRequest, type JsonSchema, MissingCapability } from '../definitions/tool.js';

type AskMethod = AskRequest['method'];

const CAPABILITY = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
} as const;

/** Whether a client declared support for such a question. */
export function declares(capabilities: Params, method: AskMethod): boolean {
  const declared = capabilities[CAPABILITY[method]];
  if (typeof declared !== 'object' || declared === null) return false;
  // `elicitation: {}` means forms; a client that names modes must name this one (elicitation, capabilities).
  return method !== 'elicitation/create' || 'form' in declared || !('url' in declared);
}

/** The capabilities of a client that concern our questions, without its other ones. */
export function declared(capabilities: Params): Params {
  const methods = (Object.keys(CAPABILITY) as AskMethod[]).filter((method) => declares(capabilities, method));
  return Object.fromEntries(methods.map((method) => [CAPABILITY[method], {}]));
}

/** Otherwise the call would wait for an answer that never comes. @throws {MissingCapability} */
export function requireDeclared(capabilities: Params, method: AskMethod): void {
  if (!declares(capabilities, method)) throw new MissingCapability(CAPABILITY[method]);
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
  if (request.method !== 'elicitation/create' || action !== 'accept') return true;
  return isValid(request.params.requestedSchema as JsonSchema, content ?? {});
}
