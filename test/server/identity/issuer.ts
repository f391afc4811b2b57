/** A token issuer as small as possible, whose every answer a test can spoil. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export const AUDIENCE = 'https://mcp.example/mcp';

export interface TestIssuer {
  readonly url: string;
  /** What the key set holds. */
  keys: JWK[];
  /** Paths asked for, in order. */
  readonly requests: string[];
  /** Takes over an answer when it returns true. */
  spoil: (req: IncomingMessage, res: ServerResponse) => boolean;
  /** A good token, but for what is said otherwise; `undefined` leaves a claim out. */
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** Replaces the signing key and publishes only the new one. */
  rotate(kid: string, algorithm?: string): Promise<CryptoKey>;
  /** Refuses connections until `open()`. */
  close(): Promise<void>;
  open(): Promise<void>;
}

export async function startIssuer({ path = '', now = Date.now } = {}): Promise<TestIssuer> {
  const server = createServer(answer);
  let port = 0;
  let signing: { key: CryptoKey; kid: string; algorithm: string };

  async function open(): Promise<void> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }
  await open();
  const url = `http://127.0.0.1:${port}${path}`;

  function answer(req: IncomingMessage, res: ServerResponse): void {
    issuer.requests.push(req.url ?? '');
    if (issuer.spoil(req, res)) return;
    const documents: Record<string, object> = {
      [`/.well-known/oauth-authorization-server${path}`]: { issuer: url, jwks_uri: `${url}/keys` },
      [`${path}/keys`]: { keys: issuer.keys },
    };
    const found = documents[req.url ?? ''];
    res.writeHead(found ? 200 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify(found ?? {}));
  }

  const issuer: TestIssuer = {
    url,
    keys: [],
    requests: [],
    spoil: () => false,
    sign(claims = {}, header = {}) {
      const exp = Math.floor(now() / 1000) + 300;
      return new SignJWT({ iss: url, aud: AUDIENCE, sub: 'alice', exp, scope: 'a b', ...claims })
        .setProtectedHeader({ alg: signing.algorithm, kid: signing.kid, typ: 'at+jwt', ...header })
        .sign(signing.key);
    },
    async rotate(kid, algorithm = 'ES256') {
      const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
      signing = { key: privateKey, kid, algorithm };
      issuer.keys = [{ ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' }];
      return publicKey;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    open,
  };
  await issuer.rotate('one');
  return issuer;
}
