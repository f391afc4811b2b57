import { createHash } from 'node:crypto';
import {
  type Created,
  IN_USE_MS,
  type SessionChange,
  type SessionRecord,
  type SessionStore,
  type Subscription,
} from '../types.js';
import type { Client } from './client.js';
import { type Connection, PREFIX } from './connection.js';
import { repliesKey } from './client-replies.js';
import { CHANGE_RECORD, KEEP_SLOT, TAKE_SLOT, USE_RECORD } from './sessions-scripts.js';

/** How often sessions that may have idled out are looked up. */
const WATCH_INTERVAL_MS = 500;
/** The most time between two times that the slot of a session in use is kept. */
const MAX_SLOT_KEEP_MS = 1000;

export interface RedisSessionsOptions {
  readonly connection: Connection;
  /** Milliseconds after which an unused session ends. */
  readonly idleMs: number;
  readonly inUseMs?: number;
}

/** Sessions that every replica can serve. A record is one hash that expires; each owner has one set of its sessions. */
export function redisSessions(options: RedisSessionsOptions): SessionStore {
  return new RedisSessions(options);
}

class RedisSessions implements SessionStore {
  readonly #connection: Connection;
  readonly #listeners = new Set<(id: string) => void>();
  /** When each session that this replica served may have idled out; soonest first. */
  readonly #dueAt = new Map<string, number>();
  /** When this replica last told Redis that the slot of each is in use. */
  readonly #slotKeptAt = new Map<string, number>();
  readonly #idleMs: number;
  readonly #slotKeepMs: number;
  readonly #inUseMs: number;
  readonly #timer: NodeJS.Timeout;

  constructor({ connection, idleMs, inUseMs = IN_USE_MS }: RedisSessionsOptions) {
    this.#connection = connection;
    this.#idleMs = idleMs;
    this.#slotKeepMs = Math.min(MAX_SLOT_KEEP_MS, idleMs / 10);
    this.#inUseMs = inUseMs;
    const lookUp = () => void this.#lookUpDue().catch(() => {}); // Redis is away: the next round asks again
    this.#timer = setInterval(lookUp, Math.min(WATCH_INTERVAL_MS, idleMs / 4)).unref();
  }

  async create(record: SessionRecord, maxPerOwner: number): Promise<Created> {
    const { logLevel: _, subscriptions: __, changesTo: ___, ...fixed } = record;
    const { id, owner } = fixed;
    const limits = [maxPerOwner, this.#idleMs, this.#inUseMs].map(String);
    const slot = { keys: [ownerKey(owner)], arguments: [id, ...limits] };
    const taken = await this.#connection.run((client) => client.eval(TAKE_SLOT, slot));
    if (typeof taken === 'number' && taken < 0) return { created: false, retryAfterMs: -taken };
    if (typeof taken === 'string') await this.delete(taken);
    const fields = { owner, record: JSON.stringify(fixed), ...fieldsOf(record) };
    await this.#connection.run((client) =>
      client.multi().hSet(recordKey(id), fields).pExpire(recordKey(id), this.#idleMs).exec(),
    );
    this.#use(id);
    return { created: true, ...(typeof taken === 'string' && { ended: taken }) };
  }

  async get(id: string, owner: string): Promise<SessionRecord | undefined> {
    return this.#useRecord(id, owner);
  }

  async peek(id: string): Promise<SessionRecord | undefined> {
    const fields = await this.#connection.run((client) => client.hGetAll(recordKey(id)));
    return fields['record'] === undefined ? undefined : recordOf(fields);
  }

  async keep(id: string): Promise<boolean> {
    const isThere = (await this.#useRecord(id, '')) !== undefined;
    if (!isThere) this.#ended(id);
    return isThere;
  }

  /** Does not report a session that is gone: {@link #lookUpDue} does, and a foreign caller must not end one by asking for it. */
  async #useRecord(id: string, owner: string): Promise<SessionRecord | undefined> {
    const use = { keys: [recordKey(id)], arguments: [String(this.#idleMs), owner] };
    const fields = fieldsIn(await this.#connection.run((client) => client.eval(USE_RECORD, use)));
    if (fields['record'] === undefined) return undefined;
    this.#use(id);
    const session = recordOf(fields);
    this.#keepSlot(session);
    return session;
  }

  async update(id: string, change: SessionChange): Promise<boolean> {
    const fields = Object.entries(fieldsOf(change)).flat();
    const call = { keys: [recordKey(id)], arguments: [String(this.#idleMs), channelOf(id), ...fields] };
    return (await this.#connection.run((client) => client.eval(CHANGE_RECORD, call))) === 1;
  }

  async delete(id: string): Promise<boolean> {
    const owner = await this.#connection.run((client) => client.hGet(recordKey(id), 'record'));
    if (owner === null) return false;
    const deleted = await this.#connection.run((client) => client.del(recordKey(id)));
    if (deleted === 0) return false;
    const slots = ownerKey((JSON.parse(owner) as SessionRecord).owner);
    await this.#connection.run((client) =>
      Promise.all([client.zRem(slots, id), client.del(repliesKey(id)), client.publish(channelOf(id), '')]),
    );
    this.#ended(id);
    return true;
  }

  follow(id: string, onChange: () => void): Subscription {
    return this.#connection.subscribe(channelOf(id), onChange);
  }

  onEnd(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Sessions that this replica served and that are not known to have ended. */
  async count(): Promise<number> {
    return this.#dueAt.size;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#listeners.clear();
    this.#dueAt.clear();
    this.#slotKeptAt.clear();
  }

  #use(id: string): void {
    this.#dueAt.delete(id); // re-inserted, so that the map stays in order of time
    this.#dueAt.set(id, performance.now() + this.#idleMs);
  }

  /** Not with each of many requests in a row. The slot ends a little after its session, never before it. */
  #keepSlot({ id, owner }: SessionRecord): void {
    const now = performance.now();
    if (now - (this.#slotKeptAt.get(id) ?? Number.NEGATIVE_INFINITY) < this.#slotKeepMs) return;
    this.#slotKeptAt.set(id, now);
    const call = { keys: [ownerKey(owner)], arguments: [id, String(this.#idleMs + this.#slotKeepMs)] };
    this.#connection.run((client) => client.eval(KEEP_SLOT, call)).catch(() => {}); // if it is lost, the slot is free early
  }

  #ended(id: string): void {
    this.#slotKeptAt.delete(id);
    if (!this.#dueAt.delete(id)) return;
    for (const listener of this.#listeners) listener(id);
  }

  async #lookUpDue(): Promise<void> {
    const now = performance.now();
    const due: string[] = [];
    for (const [id, at] of this.#dueAt) {
      if (at > now) break;
      due.push(id);
    }
    if (due.length === 0) return;
    const left = await this.#connection.run((client: Client) =>
      Promise.all(due.map((id) => client.pTTL(recordKey(id)))),
    );
    for (const [i, id] of due.entries()) {
      const ttl = left[i] ?? -2;
      if (ttl < 0) this.#ended(id);
      else if (this.#dueAt.delete(id)) this.#dueAt.set(id, now + ttl);
    }
  }
}

/** Keys of one session share a hash tag, so that they share a slot of a cluster. */
function recordKey(id: string): string {
  return `${PREFIX}session:{${id}}`;
}

/** Says that the record changed or ended, to the replicas that have something open in the session. */
function channelOf(id: string): string {
  return `${PREFIX}session-changed:${id}`;
}

function ownerKey(owner: string): string {
  return `${PREFIX}owner:{${createHash('sha256').update(owner).digest('base64url')}}`;
}

function fieldsOf({ logLevel, subscriptions, changesTo }: SessionChange): Record<string, string> {
  return {
    ...(changesTo !== undefined && { changesTo }),
    ...(logLevel !== undefined && { logLevel }),
    ...(subscriptions !== undefined && { subscriptions: JSON.stringify(subscriptions) }),
  };
}

/** What `HGETALL` answers within a script: names and values in turn. */
function fieldsIn(answer: unknown): Record<string, string> {
  const flat = answer as readonly string[];
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, String(flat[i + 1])]] : [])));
}

function recordOf({ record = '', subscriptions = '[]', ...fields }: Record<string, string>): SessionRecord {
  const { logLevel, changesTo } = fields;
  return {
    ...(JSON.parse(record) as SessionRecord),
    ...(changesTo !== undefined && { changesTo }),
    ...(logLevel !== undefined && { logLevel }),
    subscriptions: JSON.parse(subscriptions) as string[],
  };
}
