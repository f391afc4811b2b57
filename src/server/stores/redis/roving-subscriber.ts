/**
 * The connection for messages. When it is lost, the next one goes to whichever node is there then (the new primary, another
 * node of a Cluster), and subscribes to the same channels.
 */
import { randomBytes } from 'node:crypto';
import { createClient, type RedisClientOptions } from 'redis';

export interface RovingSubscriberOptions {
  /** The node to connect to now. Rejects while none is known. */
  readonly next: () => Promise<RedisClientOptions>;
  readonly publish: (channel: string, message: string) => Promise<unknown>;
  /** A channel of this process alone, for {@link RovingSubscriber.check}. */
  readonly ownChannel: string;
  /** Called when a connection fails or Redis refuses a subscription. */
  readonly onError: (error: unknown) => void;
  /** Called whenever all channels are subscribed, also anew: messages may have been lost. */
  readonly onReady: () => void;
}

type Listener = (message: string) => void;
type Client = ReturnType<typeof createClient>;

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;
/** A message needs a millisecond or two from one node to all. */
const CHECK_MS = 150;

export class RovingSubscriber {
  /** While all channels are subscribed. */
  #ready: Client | undefined;
  #opening: Client | undefined;
  #retryMs = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  readonly #listeners = new Map<string, Set<Listener>>();
  /** What the connection in use listens to. */
  #subscribed = new Set<string>();
  /** Channels that got their first listener or lost their last one since the last round. */
  #changed = new Set<string>();
  #round = Promise.resolve();
  #onPulse = (_message: string) => {};

  constructor(private readonly options: RovingSubscriberOptions) {
    this.#listenersOf(options.ownChannel).add((message) => this.#onPulse(message));
    void this.#open();
  }

  /** Sends a message the whole way round. Rejects when it does not arrive. */
  async check(): Promise<void> {
    const client = this.#ready;
    if (!client) throw new Error('not subscribed');
    const message = randomBytes(9).toString('base64url');
    let timer: NodeJS.Timeout | undefined;
    const arrived = new Promise<void>((resolve, reject) => {
      this.#onPulse = (got) => got === message && resolve();
      timer = setTimeout(() => reject(new Error('no message arrives')), CHECK_MS);
    });
    try {
      await Promise.all([this.options.publish(this.options.ownChannel, message), arrived]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets the node go where {@link check} failed again and again: it may be cut off from the others. */
  rove(): void {
    if (this.#ready) this.#lost(this.#ready);
  }

  /** Resolves once messages arrive; at once while there is no connection, since {@link onReady} follows. */
  async subscribe(channel: string, listener: Listener): Promise<void> {
    this.#listenersOf(channel).add(listener);
    if (!this.#subscribed.has(channel)) await this.#change(channel);
  }

  async unsubscribe(channel: string, listener: Listener): Promise<void> {
    const listeners = this.#listeners.get(channel);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(channel);
    await this.#change(channel);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#ready?.close();
  }

  destroy(): void {
    this.#isClosed = true;
    for (const client of [this.#ready, this.#opening]) if (client?.isOpen) client.destroy();
  }

  async #open(): Promise<void> {
    try {
      const server = await this.options.next();
      if (this.#isClosed) return;
      const client = createClient(server);
      this.#opening = client;
      client.on('error', (error: unknown) => {
        this.options.onError(error);
        this.#lost(client);
      });
      await client.connect();
      this.#changed = new Set(this.#listeners.keys());
      await this.#nextRound(client);
      if (this.#isClosed || this.#opening !== client) return client.destroy();
      [this.#ready, this.#opening, this.#retryMs] = [client, undefined, FIRST_RETRY_MS];
      this.options.onReady();
    } catch (error) {
      this.options.onError(error);
      if (this.#opening) this.#lost(this.#opening);
      else this.#openLater();
    }
  }

  #lost(client: Client): void {
    if (client !== this.#ready && client !== this.#opening) return;
    this.#ready = this.#opening = undefined;
    this.#subscribed = new Set();
    if (client.isOpen) client.destroy();
    this.#openLater();
  }

  #openLater(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#open(), this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  #change(channel: string): Promise<void> {
    const client = this.#ready ?? this.#opening;
    if (!client) return Promise.resolve();
    this.#changed.add(channel);
    return this.#nextRound(client);
  }

  /** One at a time: the client loses a channel that is left and joined again before Redis answered. */
  #nextRound(client: Client): Promise<void> {
    this.#round = this.#round.catch(() => {}).then(() => this.#follow(client));
    return this.#round;
  }

  /** Joins and leaves, all channels at once. */
  async #follow(client: Client): Promise<void> {
    if (client !== this.#ready && client !== this.#opening) return; // lost meanwhile: the next one joins them all
    const changed = [...this.#changed];
    const subscribed = this.#subscribed;
    this.#changed.clear();
    const joined = changed.filter((one) => this.#listeners.has(one) && !subscribed.has(one));
    const left = changed.filter((one) => !this.#listeners.has(one) && subscribed.has(one));
    if (joined.length > 0) await client.subscribe(joined, this.#deliver);
    if (left.length > 0) await client.unsubscribe(left, this.#deliver);
    for (const one of joined) subscribed.add(one);
    for (const one of left) subscribed.delete(one);
  }

  readonly #deliver = (message: string, channel: string) => {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message);
  };

  #listenersOf(channel: string): Set<Listener> {
    const found = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, found);
    return found;
  }
}
