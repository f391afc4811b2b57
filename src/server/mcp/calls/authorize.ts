/** Refuses a call whose caller lacks a scope, and charges its cost to the caller's rate limit. */
import type { Request, RequestHandler, Response } from 'express';
import { RefusedRequest } from '../../refusal.js';
import type { Catalog } from '../definitions/catalog.js';
import type { Envelope } from '../envelope/message.js';
import { type Guarded, missingScopes } from '../definitions/scopes.js';

/** The `WWW-Authenticate` header for a missing scope (RFC 6750 §3.1), naming all that the call needs. */
export type Challenge = (error: string, scope: readonly string[]) => Readonly<Record<string, string>>;

export interface AuthorizeOptions {
  readonly catalog: Catalog;
  readonly challenge: Challenge;
  /** Takes points from the caller's limit, or throws `rate_limited`; the first point is already taken. */
  readonly spend: (req: Request, res: Response, points: number) => Promise<void>;
}

export function authorize(options: AuthorizeOptions): RequestHandler {
  return async function authorize(req, res, next) {
    const { catalog } = options;
    const scopes = scopesOf(catalog, req.envelope);
    noteCall(req, catalog);
    requireScopes(req, scopes, options.challenge);
    const cost = toolOf(catalog, req.envelope)?.definition.cost ?? 1;
    if (cost > 1) await options.spend(req, res, cost - 1);
    req.audit.note({ decision: 'allow' });
    next();
  };
}

/** @throws {RefusedRequest} `insufficient_scope`, naming all that is needed */
export function requireScopes(req: Request, scopes: readonly string[], challenge: Challenge): void {
  const missing = missingScopes(req.caller, { scopes });
  if (missing.length === 0) return;
  throw new RefusedRequest('insufficient_scope', {
    detail: { missing },
    headers: challenge('insufficient_scope', scopes),
    ...(req.envelope.id !== undefined && { id: req.envelope.id }),
  });
}

/** The scopes that a message needs. An unknown name needs only REQUIRED_SCOPES; the era answers it. */
export function scopesOf(catalog: Catalog, { method, target = '' }: Envelope): readonly string[] {
  let named: Guarded | undefined;
  if (method === 'tools/call') named = catalog.tools.get(target);
  else if (method === 'prompts/get') named = catalog.prompts.get(target);
  else if (method?.startsWith('resources/')) named = catalog.findResource(target)?.resource;
  return named?.scopes ?? catalog.requiredScopes;
}

function toolOf(catalog: Catalog, { method, target = '' }: Envelope) {
  return method === 'tools/call' ? catalog.tools.get(target) : undefined;
}

/** Runs before the decision, so that the audit also shows what a refused call asked for. */
function noteCall(req: Request, catalog: Catalog): void {
  const { method, target, message } = req.envelope;
  if (target === undefined) return;
  if (method === 'tools/call') {
    const tool = toolOf(catalog, req.envelope);
    req.audit.note({ 'gen_ai.tool.name': tool ? target : 'unknown' });
    const args = message?.params?.['arguments'];
    req.audit.arguments(req.argumentBytes ?? '', args, tool?.definition.auditArguments);
  } else if (method?.startsWith('resources/')) {
    req.audit.note({ 'mcp.resource.uri': target });
  }
}
