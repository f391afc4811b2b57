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

  async subscribe(channel: string, listener: Listener): Promise<void> {
    this.#listenersOf(channel).add(listener);
    await this.#ready?.subscribe(channel, listener);
  }

  async unsubscribe(channel: string, listener: Listener): Promise<void> {
    this.#listenersOf(channel).delete(listener);
    await this.#ready?.unsubscribe(channel, listener);
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
      for (const [channel, listeners] of this.#listeners) {
        for (const listener of listeners) await client.subscribe(channel, listener);
      }
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
    if (client.isOpen) client.destroy();
    this.#openLater();
  }

  #openLater(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#open(), this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  #listenersOf(channel: string): Set<Listener> {
    const found = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, found);
    return found;
  }
}
