import type { RequestHandler } from 'express';

export interface ResourceMetadataOptions {
  /** The canonical URI of this server, as clients write it. */
  readonly resource: string;
  readonly issuers: readonly string[];
  readonly scopes: readonly string[];
  readonly name: string;
}

/** Tells clients which authorization servers to ask for a token (RFC 9728 §2). */
export function resourceMetadata({
  resource,
  issuers,
  scopes,
  name,
}: ResourceMetadataOptions): RequestHandler {
  const document = {
    resource,
    authorization_servers: issuers,
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
    resource_name: name,
  };

  return function resourceMetadata(_req, res) {
    res.set('Cache-Control', 'public, max-age=300').json(document);
  };
}
