/** A port for a server that a test starts: nobody listens on it now, and no outgoing connection takes it. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which Linux gives outgoing connections theirs. */
const [LOWEST, HIGHEST] = [15_000, 32_000] as const;

export async function freePort(): Promise<number> {
  const port = randomInt(LOWEST, HIGHEST);
  const probe = createServer();
  const isFree = once(probe.listen(port, '127.0.0.1'), 'listening').then(
    () => true,
    () => false,
  );
  if (!(await isFree)) return freePort();
  probe.close();
  await once(probe, 'close');
  return port;
}
