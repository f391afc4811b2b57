import { createClient, type RedisClientType } from 'redis';
import { StoreUnavailable } from '../types.js';
import { BACK_WITHIN_MS, DeadlineExceeded, withinDeadline } from './command-deadline.js';
import { fixFor, UNREACHABLE_FIX } from './refusals.js';

/** Every key and channel begins with it; an ACL user needs no other (`~mcp:*`, `&mcp:*`). */
export const PREFIX = 'mcp:';

const PROBE_INTERVAL_MS = 500;
const CONNECT_TIMEOUT_MS = 2000;
/** After a cut link the old connection may be dead for good, and nobody says so. Longer than between two probes. */
const SILENCE_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;
/** A subscriber that is cut off is soon back, and what it missed is read: only one that stays away counts. */
const MAX_DEAF_MS = 1000;

export interface ConnectionOptions {
  /** `redis://` or `rediss://`, with user and password. */
  readonly url: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca?: string;
  /** Told once when Redis goes away and once when it is back. */
  readonly onChange?: (available: boolean, error?: unknown) => void;
  /** Told once of each reason for which Redis refuses the server, or cannot be reached at the start; again after an outage. */
  readonly onRefused?: (error: unknown, fix: string) => void;
  /** Told how long each command took, and whether it succeeded. */
  readonly onAnswer?: (seconds: number, ok: boolean) => void;
}

export type Client = RedisClientType;

/** Commands over one connection, messages over another, both opened again for as long as the process lives. */
export interface Connection {
  readonly client: Client;
  /** @throws {StoreUnavailable} at once while Redis is away, and when it fails or does not answer in time: a paused
   *  server or a cut link gives no error by itself */
  run<T>(command: (client: Client) => Promise<T>): Promise<T>;
  /** Listens to a channel; the subscription outlives reconnections. Returns the way to stop. */
  subscribe(channel: string, listener: (message: string) => void): () => void;
  /** Calls back whenever Redis or the subscriptions work again, also for the first time: messages may have been lost. */
  onBack(listener: () => void): () => void;
  healthy(): boolean;
  /** When Redis last came back (`performance.now()`), with its data or empty; long ago if it never was away. */
  backAt(): number;
  close(): Promise<void>;
}

/** Opens a connection, and does not wait for it: a server that starts before its Redis waits for it unready. */
export function connect({ url, ca, onChange, onRefused, onAnswer }: ConnectionOptions): Connection {
  const client = openClient(url, ca);
  const subscriber = openClient(url, ca);
  let available = false;
  let hasServed = false;
  let backAt = Number.NEGATIVE_INFINITY;
  const reported = new Set<string>();
  let lastError: unknown;
  let wasLost = true; // or a subscription, since the listeners were last called
  let isProbing = false;
  let deafSince: number | undefined = Number.NEGATIVE_INFINITY; // not subscribed yet
  const onBack = new Set<() => void>();

  const setAvailable = (now: boolean, error?: unknown) => {
    if (now === available) return;
    available = now;
    wasLost ||= !now;
    if (now) {
      if (hasServed) backAt = performance.now();
      hasServed = true;
      reported.clear();
    }
    onChange?.(now, error);
  };
  const reportRefusal = (error: unknown, fix = fixFor(error)) => {
    if (fix === undefined || reported.has(fix)) return;
    reported.add(fix);
    onRefused?.(error, fix);
  };
  client.on('error', (error: unknown) => {
    lastError = error;
    reportRefusal(error, fixFor(error) ?? (hasServed ? undefined : UNREACHABLE_FIX));
    setAvailable(false, error);
  });
  const hear = async () => {
    try {
      await subscriber.ping();
      deafSince = undefined;
    } catch (error) {
      deafSince ??= performance.now();
      if (performance.now() - deafSince > MAX_DEAF_MS) throw error;
    }
  };
  // After a command that had no answer nothing else is tried: only the probe waits for Redis to come back.
  const probe = async () => {
    if (isProbing) return; // a socket that is written to never counts as silent
    isProbing = true;
    try {
      // A write: one that is full, or only a replica, answers a ping.
      const write = client.set(`${PREFIX}probe`, '', { PX: PROBE_INTERVAL_MS });
      const answered = Promise.all([write, hear()]).finally(() => (isProbing = false));
      const startedAt = performance.now();
      await withinDeadline(answered);
      const isQuick = performance.now() - startedAt < BACK_WITHIN_MS;
      if (!available && !isQuick) return;
      setAvailable(true);
      if (!wasLost || deafSince !== undefined) return;
      wasLost = false;
      for (const listener of onBack) listener();
    } catch (error) {
      reportRefusal(error);
      setAvailable(false, lastError ?? error);
    }
  };
  const timer = setInterval(() => void probe(), PROBE_INTERVAL_MS).unref();
  client.on('ready', () => void probe());
  subscriber.on('ready', () => {
    wasLost = true;
    void probe();
  });

  return {
    client,

    async run(command) {
      if (!available) throw new StoreUnavailable('Redis is away', { cause: lastError });
      const started = performance.now();
      const answered = (ok: boolean) => onAnswer?.((performance.now() - started) / 1000, ok);
      try {
        const answer = await withinDeadline(command(client));
        answered(true);
        return answer;
      } catch (error) {
        answered(!(error instanceof Error)); // what a limiter rejects with is an answer, too
        reportRefusal(error);
        if (error instanceof DeadlineExceeded) setAvailable(false, error);
        throw error instanceof Error ? new StoreUnavailable('Redis failed', { cause: error }) : error;
      }
    },

    subscribe(channel, listener) {
      const start = () =>
        void subscriber.subscribe(channel, listener).catch((error: unknown) => reportRefusal(error)); // tried again when connected
      if (subscriber.isReady) start();
      else subscriber.once('ready', start);
      return () => {
        subscriber.off('ready', start);
        subscriber.unsubscribe(channel, listener).catch(() => {}); // not connected: nothing to end
      };
    },

    onBack(listener) {
      onBack.add(listener);
      return () => void onBack.delete(listener);
    },

    healthy: () => available,
    backAt: () => backAt,

    async close() {
      clearInterval(timer);
      // What was sent last (the end of a stream, a message to others) still leaves, but not at any price.
      const sent = [client, subscriber].filter((one) => one.isReady).map((one) => one.close());
      await withinDeadline(Promise.allSettled(sent)).catch(() => {});
      for (const one of [client, subscriber]) one.destroy();
    },
  };
}

function openClient(url: string, ca: string | undefined): Client {
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
