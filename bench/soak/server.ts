/** The built server, as `npm start` runs it, in a process whose memory can be asked for. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/helpers/free-port.js';
import { PROCESSED } from './visits.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
/** What the manifests give a replica. */
export const HEAP_MIB = 320;
/** Collects garbage when it is asked to, before the memory is looked at. */
const COLLECT = `process.on('message', async () => {
  for (let i = 0; i < 3; i++) { gc(); await new Promise((done) => setTimeout(done, 50)); }
  process.send('collected');
}); process.channel.unref();`;

/** As `/metrics` has them, after a full collection of garbage. */
export interface Sample {
  readonly heapMiB: number;
  readonly rssMiB: number;
  readonly sessions: number;
  readonly streams: number;
  /** Sockets, files and timers. */
  readonly resources: number;
  readonly cpuSeconds: number;
}

export type SoakServer = Awaited<ReturnType<typeof startSoakServer>>;

export async function startSoakServer(
  folder: string,
  issuer: string,
  env: Readonly<Record<string, string>>,
  heapMiB = HEAP_MIB,
) {
  const files = join(folder, 'files');
  await mkdir(join(files, PROCESSED), { recursive: true });
  for (let i = 0; i < 20; i++) await writeFile(join(files, PROCESSED, `${i}.txt`), 'text');
  await writeFile(join(files, 'kept.txt'), 'kept');
  await writeFile(join(folder, 'keys.json'), '{"version":1,"keys":[]}');
  const auditFile = join(folder, 'audit.log');
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = fork(MAIN, {
    execArgv: [
      '--expose-gc',
      `--max-old-space-size=${heapMiB}`,
      '--import',
      `data:text/javascript,${encodeURIComponent(COLLECT)}`,
    ],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      NODE_ENV: 'development',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      AUTH: 'jwt,api-key',
      API_KEYS_FILE: join(folder, 'keys.json'),
      JWT_ISSUERS: issuer,
      JWT_JWKS_URL: `${issuer}/jwks`,
      TRUSTED_PROXIES: '127.0.0.1/32',
      FILES_ROOT: files,
      AUDIT_SINKS: `file:${auditFile}`,
      LOG_LEVEL: 'error',
      ...env,
    },
  });
  const exited = once(child, 'exit');
  const admin = `http://127.0.0.1:${adminPort}`;
  await ready(admin);

  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    files,
    async sample(): Promise<Sample> {
      const collected = once(child, 'message');
      child.send('collect');
      await collected;
      const text = await (await fetch(`${admin}/metrics`)).text();
      const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
      return {
        heapMiB: value('nodejs_heap_size_used_bytes') / 2 ** 20,
        rssMiB: value('process_resident_memory_bytes') / 2 ** 20,
        sessions: value('mcp_server_sessions'),
        streams: value('mcp_server_streams'),
        resources: value('nodejs_active_resources_total'),
        cpuSeconds: value('process_cpu_seconds_total'),
      };
    },
    audit: () => readFile(auditFile, 'utf8'),
    /** As an orchestrator ends it. @returns its exit code */
    async drain() {
      child.kill('SIGTERM');
      const [code] = await exited;
      return code as number | null;
    },
    async close() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function ready(admin: string): Promise<void> {
  for (;;) {
    const status = await fetch(`${admin}/readyz`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(50);
  }
}
