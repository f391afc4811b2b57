/** Our server as it runs in production, with HTTPS in process, and an authorization server whose user agrees. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tools } from '../../src/tools/index.js';
import { type AuthorizationServer, startAuthorizationServer } from '../helpers/authorization-server.js';
import { selfSignedCertificate } from '../helpers/certificate.js';
import { freePort } from '../helpers/free-port.js';
import { type AuditLine, serve } from '../helpers/serve.js';

const SCOPES = ['documents:read', 'documents:write'];

export interface InteropServer {
  readonly url: string;
  readonly key: string;
  readonly token: string;
  /** Of the certificate, for clients to trust. */
  readonly certFile: string;
  readonly authorizationServer: AuthorizationServer;
  /** @returns every audit record */
  close(): Promise<readonly AuditLine[]>;
}

/** @param requiredScopes what a client asks for first; without any, all that the tools need */
export async function startInteropServer(requiredScopes: string): Promise<InteropServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-interop-'));
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const { cert, key } = selfSignedCertificate();
  await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key, { mode: 0o600 })]);
  const port = await freePort();
  const url = `https://localhost:${port}/mcp`;
  const authorizationServer = await startAuthorizationServer({ resource: url, scopes: SCOPES });
  const server = await serve({ tools, resources: [], prompts: [] }, SCOPES, {
    NODE_ENV: 'production',
    PORT: String(port),
    PUBLIC_URL: url,
    ALLOWED_HOSTS: `localhost:${port}`,
    TRUSTED_PROXIES: 'none',
    TLS_CERT_FILE: certFile,
    TLS_KEY_FILE: keyFile,
    AUTH: 'jwt,api-key',
    JWT_ISSUERS: authorizationServer.issuer,
    REQUIRED_SCOPES: requiredScopes,
    SHUTDOWN_DELAY_MS: '0',
  });
  return {
    url,
    key: server.key,
    token: await authorizationServer.token({ scope: SCOPES.join(' ') }),
    certFile,
    authorizationServer,
    async close() {
      const lines = await server.close();
      await authorizationServer.close();
      await rm(folder, { recursive: true });
      return lines;
    },
  };
}
