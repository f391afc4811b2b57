/** Our server as it runs in production, with HTTPS in process, and an authorization server whose user agrees. */
import { readdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { prompts } from '../../src/prompts/index.js';
import { resources } from '../../src/resources/index.js';
import { defineTool } from '../../src/server/index.js';
import { tools } from '../../src/tools/index.js';
import { type AuthorizationServer, startAuthorizationServer } from '../helpers/authorization-server.js';
import { selfSignedCertificate } from '../helpers/certificate.js';
import { freePort } from '../helpers/free-port.js';
import { type AuditLine, serve } from '../helpers/serve.js';

const SCOPES = ['documents:read', 'documents:write'];
const DOCUMENTS = new URL('../../examples/documents', import.meta.url);

/** A client that the authorization server knows: one that registers itself may get no more scopes later. */
export const KNOWN_CLIENT = {
  client_id: 'interop',
  application_type: 'native', // any port of the redirect
  redirect_uris: ['http://127.0.0.1/callback'],
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code'],
  response_types: ['code'],
};

/** Ends when its caller cancels it, never by itself. */
const waiting = (onCancelled: () => void) =>
  defineTool({
    name: 'wait',
    description: 'Waits until its caller cancels the call.',
    scopes: ['documents:read'],
    annotations: { readOnlyHint: true },
    input: z.object({}),
    async run(_input, { signal, progress }) {
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await progress(1, 2); // the caller now knows that the tool runs
      await aborted;
      if ((signal.reason as Error).name === 'AbortError') onCancelled(); // a time limit has another reason
      throw signal.reason as Error;
    },
  });

export interface InteropServer {
  readonly url: string;
  readonly key: string;
  readonly token: string;
  /** Of the certificate, for clients to trust. */
  readonly certFile: string;
  readonly authorizationServer: AuthorizationServer;
  /** Writes a document for a client to delete. @returns its path */
  addDocument(name: string): Promise<string>;
  /** Those of `addDocument()` that nobody has deleted. */
  deletable(): readonly string[];
  /** Whether each document that no user let go is there. */
  isKept(): boolean;
  /** How many calls the tool that waits saw cancelled. */
  cancelled(): number;
  /** @returns every audit record */
  close(): Promise<readonly AuditLine[]>;
}

/** @param requiredScopes what a client asks for first; without any, all that the tools need */
export async function startInteropServer(requiredScopes: string): Promise<InteropServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-interop-'));
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const { cert, key } = selfSignedCertificate();
  const documents = join(folder, 'documents');
  await mkdir(join(documents, 'deletable'), { recursive: true });
  await Promise.all([
    writeFile(certFile, cert),
    writeFile(keyFile, key, { mode: 0o600 }),
    cp(DOCUMENTS, join(documents, 'kept'), { recursive: true }),
  ]);
  const port = await freePort();
  const url = `https://localhost:${port}/mcp`;
  const authorizationServer = await startAuthorizationServer({
    resource: url,
    scopes: SCOPES,
    clients: [KNOWN_CLIENT],
  });
  let [cancelled, left, isKept] = [0, [] as readonly string[], false];
  const wait = waiting(() => cancelled++);
  const server = await serve({ tools: [...tools, wait], resources, prompts }, SCOPES, {
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
    TOOL_TIMEOUT_MS: '20000',
    SHUTDOWN_GRACE_MS: '21000',
    FILES_ROOT: documents,
    RATE_LIMIT_IP: '10000/60s',
    RATE_LIMIT_CALLER: '10000/60s',
    RATE_LIMIT_AUTH_FAILURES: '1000/60s',
  });
  return {
    url,
    key: server.key,
    token: await authorizationServer.token({ scope: SCOPES.join(' ') }),
    certFile,
    authorizationServer,
    async addDocument(name) {
      await writeFile(join(documents, 'deletable', name), 'No longer needed.');
      return `deletable/${name}`;
    },
    deletable: () => left,
    isKept: () => isKept,
    cancelled: () => cancelled,
    async close() {
      const lines = await server.close();
      await authorizationServer.close();
      left = readdirSync(join(documents, 'deletable'));
      isKept = readdirSync(join(documents, 'kept')).length === readdirSync(DOCUMENTS).length;
      await rm(folder, { recursive: true });
      return lines;
    },
  };
}
