/** Every way of serving HTTPS that we ship, side by side: three replicas behind each proxy, and TLS in process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSignedCertificate } from './certificate.js';
import { type Deployment, deploy, type Replica } from './processes.js';
import { isInstalled, PROXIES, type Proxy, startProxy } from './proxies.js';
import { freePort } from './free-port.js';

export const IN_PROCESS = 'TLS in process';
export const FRONTS = [...PROXIES, IN_PROCESS] as const;
export type FrontName = (typeof FRONTS)[number];

export interface Fronts {
  readonly deployment: Deployment;
  readonly ca: string;
  /** Where the endpoint is, by each front. Without those whose program is missing here. */
  readonly urls: ReadonlyMap<FrontName, string>;
  /** Tells those proxies that do not ask themselves to which replicas they may send from now on. */
  serve(ready: readonly Replica[]): Promise<void>;
  close(): Promise<void>;
}

export async function startFronts(
  names: readonly FrontName[] = FRONTS,
  env: Readonly<Record<string, string>> = {},
): Promise<Fronts> {
  const tls = await mkdtemp(join(tmpdir(), 'mcp-fronts-'));
  const { cert, key } = selfSignedCertificate();
  const [certFile, keyFile] = [join(tls, 'tls.crt'), join(tls, 'tls.key')];
  await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
  const here = names.filter((name) => name === IN_PROCESS || isInstalled(name));
  const ports = new Map<FrontName, number>();
  for (const name of here) ports.set(name, await freePort());

  const deployment = await deploy({
    ownAddresses: true,
    env: {
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://localhost/mcp',
      ALLOWED_HOSTS: [...ports.values()].map((port) => `localhost:${port}`).join(),
      AUTH: 'jwt,api-key', // with metadata and challenges that name PUBLIC_URL
      JWT_ISSUERS: 'https://issuer.invalid',
      ...env,
    },
  });
  const behind = deployment.replicas.slice();
  const proxies: Proxy[] = [];
  const close = async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await deployment.close();
    await rm(tls, { recursive: true });
  };
  try {
    for (const [name, port] of ports) {
      if (name !== IN_PROCESS) proxies.push(await startProxy(name, { port, tls, replicas: behind }));
      else await deployment.start({ PORT: String(port), TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile });
    }
  } catch (error) {
    await close();
    throw error;
  }
  const urls = new Map([...ports].map(([name, port]) => [name, `https://localhost:${port}/mcp`]));
  const serve = async (ready: readonly Replica[]) => {
    await Promise.all(proxies.map((proxy) => proxy.serve(ready)));
  };
  return { deployment, ca: cert, urls, serve, close };
}
