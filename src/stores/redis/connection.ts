import { createClient, type RedisClientType } from 'redis';
import { StoreUnavailable } from '../types.js';

/** Every key and channel begins with it; an ACL user needs no other (`~mcp:*`, `&mcp:*`). */
export const PREFIX = 'mcp:';

/** A command may take this long. A paused server or a cut link gives no error by itself. */
const COMMAND_DEADLINE_MS = 200;
const PROBE_INTERVAL_MS = 500;
const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;

export interface ConnectionOptions {
  /** `redis://` or `rediss://`, with user and password. */
  readonly url: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca?: string;
  /** Told once when Redis goes away and once when it is back. */
  readonly onChange?: (available: boolean, error?: unknown) => void;
}

export type Client = RedisClientType;

/** Commands over one connection, messages over another, both opened again for as long as the process lives. */
export interface Connection {
  readonly client: Client;
  /** @throws {StoreUnavailable} at once while Redis is away, and when it fails or does not answer in time */
  run<T>(command: (client: Client) => Promise<T>): Promise<T>;
  /** Listens to a channel; the subscription outlives reconnections. Returns the way to stop. */
  subscribe(channel: string, listener: (message: string) => void): () => void;
  /** Calls back whenever the subscriptions work again, also for the first time: messages may have been missed. */
  onSubscribed(listener: () => void): () => void;
  healthy(): boolean;
  close(): Promise<void>;
}

/** Opens a connection, and does not wait for it: a server that starts before its Redis waits for it unready. */
export function connect({ url, ca, onChange }: ConnectionOptions): Connection {
  const client = openClient(url, ca);
  const subscriber = openClient(url, ca);
  let available = false;
  let lastError: unknown;
  let isNewlySubscribed = false;
  const onSubscribed = new Set<() => void>();

  const setAvailable = (now: boolean, error?: unknown) => {
    if (now === available) return;
    available = now;
    onChange?.(now, error);
  };
  client.on('error', (error: unknown) => {
    lastError = error;
    setAvailable(false, error);
  });
  // After a command that had no answer nothing else is tried: only the probe waits for Redis to come back.
  const probe = async () => {
    try {
      // A write: one that is full, or only a replica, answers a ping.
      const write = client.set(`${PREFIX}probe`, '', { PX: PROBE_INTERVAL_MS });
      await withinDeadline(Promise.all([write, subscriber.ping()]));
      setAvailable(true);
      if (!isNewlySubscribed) return;
      isNewlySubscribed = false;
      for (const listener of onSubscribed) listener();
    } catch (error) {
      setAvailable(false, lastError ?? error);
    }
  };
  const timer = setInterval(() => void probe(), PROBE_INTERVAL_MS).unref();
  client.on('ready', () => void probe());
  subscriber.on('ready', () => {
    isNewlySubscribed = true;
    void probe();
  });

  return {
    client,

    async run(command) {
      if (!available) throw new StoreUnavailable('Redis is away', { cause: lastError });
      try {
        return await withinDeadline(command(client));
      } catch (error) {
        if (error instanceof DeadlineExceeded) setAvailable(false, error);
        throw error instanceof Error ? new StoreUnavailable('Redis failed', { cause: error }) : error;
      }
    },

    subscribe(channel, listener) {
      const start = () => void subscriber.subscribe(channel, listener).catch(() => {}); // tried again when connected
      if (subscriber.isReady) start();
      else subscriber.once('ready', start);
      return () => {
        subscriber.off('ready', start);
        subscriber.unsubscribe(channel, listener).catch(() => {}); // not connected: nothing to end
      };
    },

    onSubscribed(listener) {
      onSubscribed.add(listener);
      return () => void onSubscribed.delete(listener);
    },

    healthy: () => available,

    async close() {
      clearInterval(timer);
      for (const one of [client, subscriber]) if (one.isOpen) one.destroy();
    },
  };
}

class DeadlineExceeded extends Error {}

async function withinDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    // Where this process was the slow one, the answer may be there already: it is read before `setImmediate`.
    const onTimeout = () => setImmediate(() => reject(new DeadlineExceeded('no answer in time')));
    timer = setTimeout(onTimeout, COMMAND_DEADLINE_MS);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function openClient(url: string, ca: string | undefined): Client {
  const client: Client = createClient({
    url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 5), MAX_RECONNECT_DELAY_MS),
      ...(ca !== undefined && { tls: true as const, ca }),
    },
  });
  client.on('error', () => {}); // without a listener an error of the connection would end the process
  client.connect().catch(() => {}); // the strategy goes on trying
  return client;
}
