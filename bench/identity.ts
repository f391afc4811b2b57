/** An issuer for the run: one key, one token, and the key set that the servers check it with. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

export const AUDIENCE = 'https://bench.example/mcp';

export interface Issuer {
  readonly issuer: string;
  readonly jwks: { readonly keys: readonly JWK[] };
  readonly token: string;
  /** A token of another caller. */
  sign(subject: string, claims: JWTPayload): Promise<string>;
  close(): void;
}

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' }] };
  const server = createServer((_req, res) => {
    res.setHeader('Content-Type', 'application/json').end(JSON.stringify(jwks));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sign = (subject: string, claims: JWTPayload) =>
    new SignJWT({ client_id: 'bench', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'bench', typ: 'at+jwt' })
      .setIssuer(issuer)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(privateKey);
  return {
    issuer,
    jwks,
    token: await sign('bench', { aud: AUDIENCE, scope: 'bench documents:read' }),
    sign,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
