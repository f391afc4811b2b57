import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';

/** Sets headers that keep browsers from rendering, framing, sniffing or storing our answers. */
export function securityHeaders({ https }: { readonly https: boolean }): RequestHandler {
  const headers = new Map([['Cache-Control', 'no-store']]);
  const setHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    frameguard: { action: 'deny' },
    strictTransportSecurity: https, // over plain http browsers ignore it (RFC 6797 §7.2)
    // These concern documents and plug-ins, which we do not serve.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });

  // The headers never change, so Helmet runs once and not for each request.
  const collector = { setHeader: headers.set.bind(headers), removeHeader: () => {} } as unknown as Response;
  setHeaders({} as Request, collector, () => {});

  return function securityHeaders(_req, res, next) {
    res.removeHeader('X-Powered-By');
    res.setHeaders(headers);
    next();
  };
}
