import { StoreUnavailable, type Subscription } from '../types.js';
import { randomBytes } from 'node:crypto';
import { type Client, openRedis, type RedisAddress } from './client.js';
import { BACK_WITHIN_MS, DeadlineExceeded, withinDeadline } from './command-deadline.js';
import { fixFor, UNREACHABLE_FIX } from './refusals.js';
import { RovingSubscriber } from './roving-subscriber.js';

/** Every key and channel begins with it; an ACL user needs no other (`~mcp:*`, `&mcp:*`). */
export const PREFIX = 'mcp:';

const PROBE_INTERVAL_MS = 500;
/** A subscriber that was cut off soon reconnects and catches up: Redis counts as away when it stays lost. */
const MAX_SUBSCRIBER_LOST_MS = 1000;

export interface ConnectionOptions extends RedisAddress {
  /** Called once when Redis goes away and once when it is back. */
  readonly onChange?: (available: boolean, error?: unknown) => void;
  /** Called once for each reason why Redis refuses the server or cannot be reached at the start; again after an outage. */
  readonly onRefused?: (error: unknown, fix: string) => void;
  /** Called with how long each command took, and whether it succeeded. */
  readonly onAnswer?: (seconds: number, ok: boolean) => void;
}

/** One connection for commands and one for messages; both reconnect for as long as the process lives. */
export interface Connection {
  readonly client: Client;
  /** @throws {StoreUnavailable} at once while Redis is away, and when it fails or exceeds the deadline: a paused Redis or
   *  a cut link gives no error by itself */
  run<T>(command: (client: Client) => Promise<T>): Promise<T>;
  /** Listens to a channel; the subscription outlives reconnections, whose messages {@link onBack} says may be lost. */
  subscribe(channel: string, listener: (message: string) => void): Subscription;
  /** Calls back whenever Redis or the subscriptions work again, also for the first time: messages may have been lost. */
  onBack(listener: () => void): () => void;
  healthy(): boolean;
  /** When Redis last came back (`performance.now()`), with its data or empty; long ago if it never was away. */
  backAt(): number;
  close(): Promise<void>;
}

/** Returns at once: a server that starts before its Redis is unready until Redis answers. */
export function connect({ onChange, onRefused, onAnswer, ...address }: ConnectionOptions): Connection {
  const redis = openRedis(address);
  const { client } = redis;
  let available = false;
  let hasServed = false;
  let backAt = Number.NEGATIVE_INFINITY;
  const reported = new Set<string>();
  let lastError: unknown;
  let wasAway = true; // Redis or the subscriber, since `onBack` was last called
  let isProbing = false;
  let subscriberLostAt: number | undefined = Number.NEGATIVE_INFINITY; // not subscribed yet
  const onBack = new Set<() => void>();

  const setAvailable = (now: boolean, error?: unknown) => {
    if (now === available) return;
    available = now;
    wasAway ||= !now;
    if (now) {
      if (hasServed) backAt = performance.now();
      hasServed = true;
      lastError = undefined; // the next outage has a reason of its own
      reported.clear();
    }
    onChange?.(now, error);
  };
  const reportRefusal = (error: unknown, fix = fixFor(error)) => {
    if (fix === undefined || reported.has(fix)) return;
    reported.add(fix);
    onRefused?.(error, fix);
  };
  const reportError = (error: unknown) =>
    reportRefusal(error, fixFor(error) ?? (hasServed ? undefined : UNREACHABLE_FIX));
  client.on('error', (error: unknown) => {
    lastError = error;
    reportError(error);
    setAvailable(false, error);
  });
  const subscriber = new RovingSubscriber({
    next: redis.messageServer,
    publish: (channel, message) => client.publish(channel, message),
    ownChannel: `${PREFIX}pulse:${randomBytes(9).toString('base64url')}`,
    onError: reportError,
    onReady: () => {
      wasAway = true;
      void probe();
    },
  });
  const checkSubscriber = async () => {
    try {
      await subscriber.check();
      subscriberLostAt = undefined;
    } catch (error) {
      subscriberLostAt ??= performance.now();
      if (performance.now() - subscriberLostAt <= MAX_SUBSCRIBER_LOST_MS) return;
      subscriber.rove();
      throw error;
    }
  };
  // While Redis is away the probe alone sends commands.
  const probe = async () => {
    if (isProbing) return; // one that has no answer yet: another write would keep the socket from counting as silent
    isProbing = true;
    try {
      // A write: a Redis that is full or read-only answers a ping.
      const write = async () => {
        const keys = await redis.probeKeys(`${PREFIX}probe`);
        if (keys.length === 0) throw new Error('no server is known');
        await Promise.all(keys.map((key) => client.set(key, '', { PX: PROBE_INTERVAL_MS })));
      };
      const answered = Promise.all([write(), checkSubscriber()]).finally(() => (isProbing = false));
      const startedAt = performance.now();
      await withinDeadline(answered);
      const isQuick = performance.now() - startedAt < BACK_WITHIN_MS;
      if (!available && !isQuick) return;
      setAvailable(true);
      if (!wasAway || subscriberLostAt !== undefined) return;
      wasAway = false;
      for (const listener of onBack) listener();
    } catch (error) {
      reportRefusal(error);
      setAvailable(false, lastError ?? error);
    }
  };
  const timer = setInterval(() => void probe(), PROBE_INTERVAL_MS).unref();
  client.on('ready', () => void probe());

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
        answered(false);
        reportRefusal(error);
        if (error instanceof DeadlineExceeded) setAvailable(false, error);
        throw new StoreUnavailable('Redis failed', { cause: error });
      }
    },

    subscribe(channel, listener) {
      // One that fails is tried again when it connects anew.
      const listening = withinDeadline(subscriber.subscribe(channel, listener)).catch(reportRefusal);
      const stop = () => void subscriber.unsubscribe(channel, listener).catch(() => {}); // not connected: nothing to end
      return { listening, stop };
    },

    onBack(listener) {
      onBack.add(listener);
      return () => void onBack.delete(listener);
    },

    healthy: () => available,
    backAt: () => backAt,

    async close() {
      clearInterval(timer);
      // Lets the last commands (the end of a stream, a message to other replicas) leave, within a deadline.
      const sent = [subscriber.close(), ...(client.isReady ? [client.close()] : [])];
      await withinDeadline(Promise.allSettled(sent)).catch(() => {});
      subscriber.destroy();
      redis.destroy();
    },
  };
}
