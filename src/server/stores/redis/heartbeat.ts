import { randomBytes } from 'node:crypto';
import { type Connection, PREFIX } from './connection.js';

/** How long a process counts as alive after it last said so. */
const ALIVE_MS = 2000;
const SAY_INTERVAL_MS = 500;

/** This process among all that share the Redis. */
export interface Alive {
  /** Its name, and the channel that only it hears. */
  readonly inbox: string;
  /** Those of other processes that have not said for a while that they are alive. */
  dead(inboxes: readonly string[]): Promise<readonly string[]>;
  /** Calls the listener when nobody could know that this process is alive: it begins, or Redis was emptied or asleep. */
  onRevived(listener: () => void): void;
  close(): void;
}

/** Once in a process: what it says costs a command, twice a second. */
export function sayAlive(connection: Connection): Alive {
  const listeners: (() => void)[] = [];
  const inbox = `${PREFIX}inbox:${randomBytes(9).toString('base64url')}`;
  const key = (one: string) => `${PREFIX}alive:${one}`;
  const tell = async () => {
    const before = await connection.run((client) => client.set(key(inbox), '1', { PX: ALIVE_MS, GET: true }));
    if (before === null) listeners.forEach((listener) => listener());
  };
  const say = () => void tell().catch(() => {}); // while Redis is away nobody can look either
  say();
  const stop = connection.onBack(say);
  const timer = setInterval(say, SAY_INTERVAL_MS).unref();
  return {
    inbox,
    dead: (inboxes) =>
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
