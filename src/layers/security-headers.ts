import type { RequestHandler } from 'express';
import helmet from 'helmet';

export interface SecurityHeadersOptions {
  /** Whether clients reach us by https: only then HSTS means anything (RFC 6797 §7.2). */
  readonly https: boolean;
}

/** Headers that keep browsers from rendering, framing, sniffing or storing what an API answers. */
export function securityHeaders({ https }: SecurityHeadersOptions): RequestHandler {
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

  return function securityHeaders(req, res, next) {
    res.setHeader('Cache-Control', 'no-store');
    setHeaders(req, res, next);
  };
}
