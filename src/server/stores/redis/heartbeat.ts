import { randomBytes } from 'node:crypto';
import { type Connection, PREFIX } from './connection.js';

/** A process counts as dead when its last heartbeat is older. */
const EXPIRES_MS = 2000;
const INTERVAL_MS = 500;

/** This process among all that share the Redis. */
export interface Heartbeat {
  /** The name of this process, and the channel that it alone listens to. */
  readonly inbox: string;
  /** The processes among these whose heartbeat has expired. */
  deadOf(inboxes: readonly string[]): Promise<readonly string[]>;
  /** Calls the listener with each heartbeat that found none before it: at the start, or after Redis was emptied or away. */
  onRevived(listener: () => void): void;
  close(): void;
}

/** One for each process: it costs a command, twice a second. */
export function startHeartbeat(connection: Connection): Heartbeat {
  const listeners: (() => void)[] = [];
  const inbox = `${PREFIX}inbox:${randomBytes(9).toString('base64url')}`;
  const key = (one: string) => `${PREFIX}alive:${one}`;
  const beat = async () => {
    const before = await connection.run((client) =>
      client.set(key(inbox), '1', { PX: EXPIRES_MS, GET: true }),
    );
    if (before === null) listeners.forEach((listener) => listener());
  };
  const tryBeat = () => void beat().catch(() => {}); // while Redis is away no other process can ask, either
  tryBeat();
  const stop = connection.onBack(tryBeat);
  const timer = setInterval(tryBeat, INTERVAL_MS).unref();
  return {
    inbox,
    deadOf: (inboxes) =>
      connection.run(async (client) => {
        const found = await Promise.all(inboxes.map((one) => client.exists(key(one))));
        return inboxes.filter((_, i) => found[i] === 0);
      }),
    onRevived: (listener) => void listeners.push(listener),
    close() {
      clearInterval(timer);
      stop();
    },
  };
}
