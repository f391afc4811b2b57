import {
  type Created,
  IN_USE_MS,
  type SessionChange,
  type SessionRecord,
  type SessionStore,
  StoreUnavailable,
} from '../types.js';

/** What one owner's, and all owners', sessions may take: clients choose part of what a record holds. */
const MAX_OWNER_CHARS = 4 * 1024 * 1024;
const MAX_TOTAL_CHARS = 128 * 1024 * 1024; // or less, as the heap allows
const MAX_TIMER_MS = 2 ** 31 - 1;

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
  readonly ids: Set<string>;
  chars: number;
}

class MemorySessions implements SessionStore {
  readonly #entries = new Map<string, Entry>();
  readonly #owners = new Map<string, Owned>();
  readonly #listeners = new Set<(id: string) => void>();
  #totalChars = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly idleMs: number,
    private readonly maxChars: number,
    private readonly inUseMs: number,
  ) {}

  async create(record: SessionRecord, maxPerOwner: number): Promise<Created> {
    const { id, owner } = record;
    if (this.#live(id) !== undefined) throw new TypeError('a session with this id exists already');
    this.#endIdle(this.#owners.get(owner)?.ids ?? []);
    const owned = this.#owners.get(owner) ?? { ids: new Set(), chars: 0 };
    const json = JSON.stringify(record);
    const [leastUsed] = this.#oldestOf(owned);
    const oldest = owned.ids.size >= maxPerOwner ? leastUsed : undefined;
    const inUseForMs = oldest ? oldest.usedAt + this.inUseMs - performance.now() : 0;
    if (inUseForMs > 0) return { created: false, retryAfterMs: inUseForMs };
    const chars = owned.chars - (oldest?.chars ?? 0) + json.length;
    if (chars > MAX_OWNER_CHARS) {
      // One session that makes room may be smaller than the new one: memory is free once others have idled out.
      const endsAt = (leastUsed?.usedAt ?? performance.now()) + this.idleMs;
      return { created: false, retryAfterMs: endsAt - performance.now() };
    }
    this.#requireSpace(json.length);
    if (oldest) this.#end(oldest.id);

    owned.ids.add(id);
    this.#owners.set(owner, owned); // again, if the only session just made room
    this.#entries.set(id, { owner, json, usedAt: performance.now() });
    this.#grow(owned, json.length);
    this.#watch(this.idleMs);
    return { created: true, ...(oldest && { ended: oldest.id }) };
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
    return true;
  }

  async delete(id: string): Promise<boolean> {
    return this.#live(id) !== undefined && this.#end(id);
  }

  onEnd(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async count(): Promise<number> {
    this.#endIdle(this.#entries.keys());
    return this.#entries.size;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#listeners.clear();
    this.#entries.clear();
    this.#owners.clear();
  }

  /** Least recently used first. */
  #oldestOf({ ids }: Owned): { id: string; usedAt: number; chars: number }[] {
    return [...ids]
      .map((id) => {
        const { usedAt = 0, json = '' } = this.#entries.get(id) ?? {};
        return { id, usedAt, chars: json.length };
      })
      .sort((a, b) => a.usedAt - b.usedAt);
  }

  #use(id: string): Entry | undefined {
    const entry = this.#live(id);
    if (entry !== undefined) entry.usedAt = performance.now();
    return entry;
  }

  /** The entry of a session, unless it has idled for too long: it then ends here, however late the timer is. */
  #live(id: string): Entry | undefined {
    this.#endIdle([id]);
    return this.#entries.get(id);
  }

  #endIdle(ids: Iterable<string>): void {
    const idleSince = performance.now() - this.idleMs;
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry !== undefined && entry.usedAt <= idleSince) this.#end(id);
    }
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
    return true;
  }

  #requireSpace(chars: number): void {
    if (this.#totalChars + chars > this.maxChars) throw new StoreUnavailable('session memory is full');
  }

  #grow(owned: Owned, chars: number): void {
    owned.chars += chars;
    this.#totalChars += chars;
  }

  /** One timer for all sessions; each round looks at every one, so rounds keep a distance. */
  #watch(waitMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#round(), Math.min(waitMs, MAX_TIMER_MS)).unref();
  }

  #round(): void {
    this.#timer = undefined;
    this.#endIdle(this.#entries.keys());
    if (this.#entries.size === 0) return;
    let oldest = Number.POSITIVE_INFINITY;
    for (const { usedAt } of this.#entries.values()) oldest = Math.min(oldest, usedAt);
    this.#watch(Math.max(oldest + this.idleMs - performance.now(), this.idleMs / 20, 1));
  }
}
