/** The certificate of the public listener, read again when it changes: renewal needs no restart. */
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import type { Logger } from '../observe/logger.js';

type TlsFiles = Readonly<Record<'certFile' | 'keyFile', string>>;
type TlsMaterial = Readonly<Record<'cert' | 'key', Buffer>>;

const CHECK_EVERY_MS = 10_000;
const UNTRUSTED =
  'a client does not trust TLS_CERT_FILE: add its authority to the client (NODE_EXTRA_CA_CERTS for Node)';

export async function readTls({ certFile, keyFile }: TlsFiles): Promise<TlsMaterial> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  return { cert, key };
}

/** Compares contents: Kubernetes swaps a symlink, and file times say nothing. @returns a function that stops it */
export function reloadTls(
  server: Server,
  files: TlsFiles,
  current: TlsMaterial,
  logger: Logger,
  checkEveryMs = CHECK_EVERY_MS,
): () => void {
  const check = async () => {
    try {
      const next = await readTls(files);
      if (next.cert.equals(current.cert) && next.key.equals(current.key)) return;
      server.setSecureContext(next); // throws for a pair that does not match; the old one then stays in use
      current = next;
      logger.info({}, 'certificate reloaded');
    } catch (error) {
      logger.error({ err: error }, 'the new certificate cannot be used; the old one stays in use');
    }
  };
  let isSaid = false;
  server.on('tlsClientError', ({ code = '' }: NodeJS.ErrnoException) => {
    if (isSaid || !code.includes('ALERT_UNKNOWN_CA')) return;
    isSaid = true; // once: clients that distrust us keep coming back
    logger.warn({}, UNTRUSTED);
  });
  const timer = setInterval(() => void check(), checkEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
