/** Opens what a start opens besides files, the ports and the clone's connections, and closes each again. */
import http from 'node:http';
import { listen } from '../../http/listener.js';
import type { OpenServices } from '../../mcp/definitions/tool.js';
import { type Check, type Finding, findingsOf } from './finding.js';

const OPEN_MS = 10_000;

/** Holds the first port while it tries the second: both may be the same. */
export const checkPorts: Check = async ({ HOST, PORT, ADMIN_HOST, ADMIN_PORT }) => {
  const [server, admin] = [http.createServer(), http.createServer()];
  try {
    return [await tryPort(server, HOST, PORT, ''), await tryPort(admin, ADMIN_HOST, ADMIN_PORT, 'ADMIN_')];
  } finally {
    for (const one of [server, admin]) one.close().closeAllConnections();
  }
};

async function tryPort(server: http.Server, host: string, port: number, prefix: string): Promise<Finding> {
  const { ok, problem } = findingsOf('ports');
  try {
    await listen(server, host, port, prefix);
    return ok(`${prefix}HOST and ${prefix}PORT are free`);
  } catch (error) {
    const fix = 'while the server is running, set PORT=0 and ADMIN_PORT=0 for the doctor alone';
    return problem((error as Error).message, fix);
  }
}

/** @throws what `openServices` throws, or when it does not end */
export const checkServices =
  (openServices: OpenServices | undefined): Check =>
  async ({ settings }) => {
    if (openServices === undefined) return [];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`openServices in src/services.ts did not end within ${OPEN_MS / 1000} s`);
      timer = setTimeout(() => reject(error), OPEN_MS);
    });
    try {
      await Promise.race([openServices(settings).then((services) => services.close()), late]);
      return findingsOf('services').ok('can be opened and closed');
    } finally {
      clearTimeout(timer);
    }
  };
