import {
  type Created,
  IN_USE_MS,
  type SessionChange,
  type SessionRecord,
  type SessionStore,
  StoreUnavailable,
  type Subscription,
} from '../types.js';
import { memoryChannels } from './bus.js';

/** Memory for the sessions of one owner, and of all: clients choose part of what a record holds. */
const MAX_OWNER_CHARS = 4 * 1024 * 1024;
const MAX_TOTAL_CHARS = 128 * 1024 * 1024; // or less, as the heap allows
/** How late the end of an idle session may be noticed. */
const MAX_LATE_MS = 500;

/** Sessions of this process alone. An unused one ends after `idleMs`. */
export function memorySessions(idleMs: number, maxChars = Infinity, inUseMs = IN_USE_MS): SessionStore {
  return new MemorySessions(idleMs, Math.min(maxChars, MAX_TOTAL_CHARS), inUseMs);
}

interface Entry {
  readonly owner: string;
  /** As text: what is read is a copy, and its size is known. */
  json: string;
  usedAt: number;
}

interface Owned {
  /** Least recently used first. */
  readonly ids: Set<string>;
  chars: number;
}

class MemorySessions implements SessionStore {
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #owners = new Map<string, Owned>();
  readonly #listeners = new Set<(id: string) => void>();
  readonly #followers = memoryChannels<void>();
  readonly #timer: NodeJS.Timeout;
  #totalChars = 0;

  constructor(
    private readonly idleMs: number,
    private readonly maxChars: number,
    private readonly inUseMs: number,
  ) {
    this.#timer = setInterval(() => this.#endIdle(), Math.min(idleMs / 4, MAX_LATE_MS)).unref();
  }

  async create(record: SessionRecord, maxPerOwner: number): Promise<Created> {
    const { id, owner } = record;
    this.#endIdle();
    if (this.#entries.has(id)) throw new TypeError('a session with this id exists already');
    const owned = this.#owners.get(owner) ?? { ids: new Set(), chars: 0 };
    const json = JSON.stringify(record);
    const [leastUsed = ''] = owned.ids;
    const oldest = this.#entries.get(leastUsed);
    const ending = owned.ids.size >= maxPerOwner ? oldest : undefined;
    const inUseForMs = ending ? ending.usedAt + this.inUseMs - performance.now() : 0;
    if (inUseForMs > 0) return { created: false, retryAfterMs: inUseForMs };
    if (owned.chars - (ending?.json.length ?? 0) + json.length > MAX_OWNER_CHARS) {
      // The session that makes room may be smaller than the new one: memory is free once others have idled out.
      const idleForMs = oldest ? performance.now() - oldest.usedAt : 0;
      return { created: false, retryAfterMs: this.idleMs - idleForMs };
    }
    this.#requireSpace(json.length);
    if (ending) this.#end(leastUsed);

    owned.ids.add(id);
    this.#owners.set(owner, owned); // anew, if the owner's only session just made room
    this.#entries.set(id, { owner, json, usedAt: performance.now() });
    this.#grow(owned, json.length);
    return { created: true, ...(ending && { ended: leastUsed }) };
  }

  async get(id: string, owner: string): Promise<SessionRecord | undefined> {
    const entry = this.#live(id)?.owner === owner ? this.#use(id) : undefined;
    return entry && (JSON.parse(entry.json) as SessionRecord);
  }

  async peek(id: string): Promise<SessionRecord | undefined> {
    const entry = this.#live(id);
    return entry && (JSON.parse(entry.json) as SessionRecord);
  }

  async keep(id: string): Promise<boolean> {
    return this.#use(id) !== undefined;
  }

  async update(id: string, change: SessionChange): Promise<boolean> {
    const entry = this.#use(id);
    const owned = entry && this.#owners.get(entry.owner);
    if (entry === undefined || owned === undefined) return false;
    const json = JSON.stringify({ ...(JSON.parse(entry.json) as SessionRecord), ...change });
    const growth = json.length - entry.json.length;
    if (owned.chars + growth > MAX_OWNER_CHARS)
      throw new StoreUnavailable('the sessions of this owner are too large');
    this.#requireSpace(growth);
    entry.json = json;
    this.#grow(owned, growth);
    this.#followers.tell(id);
    return true;
  }

  async delete(id: string): Promise<boolean> {
    return this.#live(id) !== undefined && this.#end(id);
  }

  follow(id: string, onChange: () => void): Subscription {
    return { listening: Promise.resolve(), stop: this.#followers.add([id], onChange) };
  }

  onEnd(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async count(): Promise<number> {
    this.#endIdle();
    return this.#entries.size;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#listeners.clear();
    this.#followers.clear();
    this.#entries.clear();
    this.#owners.clear();
  }

  /** Makes a session the most recently used one. */
  #use(id: string): Entry | undefined {
    const entry = this.#live(id);
    if (entry === undefined) return undefined;
    entry.usedAt = performance.now();
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    const ids = this.#owners.get(entry.owner)?.ids;
    ids?.delete(id);
    ids?.add(id);
    return entry;
  }

  /** The entry of a session, unless it has idled for too long: it then ends here, however late the timer is. */
  #live(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || !this.#isIdle(entry)) return entry;
    this.#end(id);
    return undefined;
  }

  #endIdle(): void {
    for (const [id, entry] of this.#entries) {
      if (!this.#isIdle(entry)) return;
      this.#end(id);
    }
  }

  #isIdle({ usedAt }: Entry): boolean {
    return usedAt <= performance.now() - this.idleMs;
  }

  #end(id: string): boolean {
    const entry = this.#entries.get(id);
    const owned = entry && this.#owners.get(entry.owner);
    if (entry === undefined || owned === undefined) return false;
    this.#entries.delete(id);
    owned.ids.delete(id);
    this.#grow(owned, -entry.json.length);
    if (owned.ids.size === 0) this.#owners.delete(entry.owner);
    for (const listener of this.#listeners) listener(id);
    this.#followers.tell(id);
    return true;
  }

  #requireSpace(chars: number): void {
    if (this.#totalChars + chars > this.maxChars) throw new StoreUnavailable('session memory is full');
  }

  #grow(owned: Owned, chars: number): void {
    owned.chars += chars;
    this.#totalChars += chars;
  }
}
