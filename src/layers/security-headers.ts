import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { RequestHandler } from 'express';
import helmet from 'helmet';

export interface SecurityHeadersOptions {
  /** Whether clients reach us by https: only then HSTS means anything (RFC 6797 §7.2). */
  readonly https: boolean;
}

/** Headers that keep browsers from rendering, framing, sniffing or storing what an API answers. */
export function securityHeaders({ https }: SecurityHeadersOptions): RequestHandler {
  const headers = new Map(Object.entries(helmetHeaders(https)));
  headers.set('Cache-Control', 'no-store');

  return function securityHeaders(_req, res, next) {
    res.removeHeader('X-Powered-By');
    res.setHeaders(headers);
    next();
  };
}

/** Helmet's answer for an API never changes, so it is asked once and not on each request. */
function helmetHeaders(https: boolean): Record<string, string> {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  const setHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    frameguard: { action: 'deny' },
    strictTransportSecurity: https,
    // These concern documents and plug-ins; we serve none.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
  setHeaders(res.req, res, () => {});
  return res.getHeaders() as Record<string, string>;
}
