import { createClient, type RedisClientType } from 'redis';

const CONNECT_TIMEOUT_MS = 2000;
/** A cut link closes no socket: one that is silent for so long, longer than between two probes, is opened anew. */
const SILENCE_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;

export type Client = RedisClientType;

/** Connects, and goes on trying for as long as the process lives. */
export function openClient(url: string, ca: string | undefined): Client {
  const client: Client = createClient({
    url,
    disableOfflineQueue: true,
    disableClientInfo: true, // a right less to grant
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 5), MAX_RECONNECT_DELAY_MS),
      ...(ca !== undefined && { tls: true as const, ca }),
    },
  });
  client.on('error', () => {}); // without a listener an error of the connection would end the process
  client.connect().catch(() => {}); // the strategy goes on trying
  return client;
}
