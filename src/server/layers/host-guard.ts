import type { Request, RequestHandler } from 'express';
import { isExactHost } from '../exact-names.js';
import { headerLines } from '../raw-headers.js';
import { RefusedRequest } from '../refusal.js';

/**
 * Refuses host names that we do not serve (DNS rebinding). `Host` is compared whole, never parsed.
 * @param allowedHosts exact `host[:port]`, in the lower case that browsers send
 */
export function hostGuard(allowedHosts: readonly string[]): RequestHandler {
  const allowed = new Set(allowedHosts.map(requireExactHost));

  return function hostGuard(req, _res, next) {
    const reason = hostProblem(req, allowed);
    if (reason === undefined) return next();
    throw new RefusedRequest(MALFORMED.has(reason) ? 'malformed_request' : 'host_not_allowed', {
      detail: { reason },
    });
  };
}

/** RFC 9112 §3.2: these MUST get a 400. */
const MALFORMED: ReadonlySet<string> = new Set(['missing', 'empty', 'repeated']);

/** Why the host of a request is refused, for the audit. */
export function hostProblem(
  { originalUrl, rawHeaders }: Pick<Request, 'originalUrl' | 'rawHeaders'>,
  allowed: ReadonlySet<string>,
): string | undefined {
  // An absolute-form target overrides Host (RFC 9112 §3.2.2): with two names, we believe neither.
  if (!originalUrl.startsWith('/') && originalUrl !== '*') return 'absolute_form';
  const hosts = headerLines(rawHeaders, 'host');
  const [host] = hosts;
  if (host === undefined) return 'missing';
  if (hosts.length > 1) return 'repeated';
  if (host === '') return 'empty';
  return allowed.has(host) ? undefined : 'not_listed';
}

function requireExactHost(host: string): string {
  if (isExactHost(host)) return host;
  throw new TypeError(
    `allowedHosts: "${host}" is not an exact host[:port] such as mcp.example.com or 127.0.0.1:3000`,
  );
}
