import { randomBytes } from 'node:crypto';
import type {
  EventLog,
  EventReader,
  EventStream,
  LoggedEvent,
  NewStream,
  StreamOwner,
} from '../event-log.js';

const MAX_EVENTS = 1000;
const MAX_SESSION_CHARS = 4 * 1024 * 1024;
const MAX_OWNER_CHARS = 16 * 1024 * 1024;
const MAX_TOTAL_CHARS = 128 * 1024 * 1024; // or less, as the heap allows
/** The memory that each event and stream takes besides its data: many small ones must count, too. */
const EVENT_CHARS = 128;
const STREAM_CHARS = 512;

/**
 * Streams of this process alone.
 *
 * @param maxStreamChars how much one stream keeps; it keeps its newest event whatever its size
 */
export function memoryEvents(maxStreamChars: number, retainMs: number, maxChars = Infinity): EventLog {
  return new MemoryEvents(maxStreamChars, retainMs, Math.min(maxChars, MAX_TOTAL_CHARS));
}

interface Stream {
  readonly id: string;
  readonly session: string;
  readonly owner: string;
  readonly scopes: readonly string[];
  readonly groups: readonly Group[];
  /** The newest events, without a gap. */
  readonly events: LoggedEvent[];
  /** Number of the next event. */
  next: number;
  chars: number;
  isOver: boolean;
  reader: EventReader | undefined;
  usedAt: number;
}

/** Streams that share a limit: those of a session, of an owner, all. */
interface Group {
  readonly key: string;
  readonly maxChars: number;
  /** Oldest first. */
  readonly streams: Set<Stream>;
  chars: number;
}

class MemoryEvents implements EventLog {
  readonly #streams = new Map<string, Stream>();
  readonly #groups = new Map<string, Group>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly maxStreamChars: number,
    private readonly retainMs: number,
    private readonly maxChars: number,
  ) {
    const forgetUnused = () => [...this.#streams.values()].filter(this.#isUnused).forEach(this.#drop);
    this.#timer = setInterval(forgetUnused, Math.min(this.retainMs, 30_000)).unref();
  }

  async begin(session: NewStream, reader: EventReader): Promise<EventStream> {
    const stream: Stream = {
      id: `call-${randomBytes(16).toString('base64url')}`,
      session: session.id,
      owner: session.owner,
      scopes: session.scopes,
      groups: [
        this.#group(`session ${session.id}`, MAX_SESSION_CHARS),
        this.#group(`owner ${session.owner}`, MAX_OWNER_CHARS),
        this.#group('all', this.maxChars),
      ],
      events: [],
      next: 1,
      chars: 0,
      isOver: false,
      reader,
      usedAt: 0,
    };
    this.#streams.set(stream.id, stream);
    for (const group of stream.groups) group.streams.add(stream);
    grow(stream, STREAM_CHARS);
    this.#append(stream, '');
    return {
      append: async (data) => this.#append(stream, data),
      end: async (data) => {
        this.#append(stream, data);
        stream.isOver = true;
        this.#endReader(stream);
      },
      drop: async () => this.#drop(stream),
      stop: () => this.#stop(stream, reader),
    };
  }

  async scopesOf(session: StreamOwner, id: string) {
    return this.#find(session, id)?.stream.scopes;
  }

  async resume(session: StreamOwner, id: string, reader: EventReader) {
    const found = this.#find(session, id);
    if (!found) return undefined;
    const { stream, seen } = found;
    const missed = stream.next - 1 - seen;
    if (missed < 0 || missed > stream.events.length || this.#isUnused(stream)) return undefined;

    stream.reader?.onEnd();
    for (const event of stream.events.slice(stream.events.length - missed)) reader.onEvent(event);
    if (stream.isOver) reader.onEnd();
    else {
      stream.reader = reader;
      for (const { streams } of stream.groups) {
        streams.delete(stream); // it is the newest again
        streams.add(stream);
      }
    }
    return () => this.#stop(stream, reader);
  }

  async forget(sessionId: string): Promise<void> {
    [...(this.#groups.get(`session ${sessionId}`)?.streams ?? [])].forEach(this.#drop);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    [...this.#streams.values()].forEach(this.#drop);
  }

  #find(session: StreamOwner, id: string): { stream: Stream; seen: number } | undefined {
    const [, streamId = '', seen = ''] = /^([\w-]{1,64})\.([1-9]\d{0,14})$/.exec(id) ?? [];
    const stream = this.#streams.get(streamId);
    if (stream?.session !== session.id || stream.owner !== session.owner) return undefined;
    return { stream, seen: Number(seen) };
  }

  #stop(stream: Stream, reader: EventReader): void {
    if (stream.reader !== reader) return;
    stream.reader = undefined;
    stream.usedAt = performance.now();
  }

  #append(stream: Stream, data: string): string | undefined {
    if (stream.isOver) return undefined;
    const event = { id: `${stream.id}.${stream.next++}`, data };
    stream.events.push(event);
    stream.usedAt = performance.now();
    grow(stream, data.length + EVENT_CHARS);
    const isFull = () => stream.chars > this.maxStreamChars || stream.events.length > MAX_EVENTS;
    while (stream.events.length > 1 && isFull()) {
      grow(stream, -((stream.events.shift()?.data.length ?? 0) + EVENT_CHARS));
    }
    for (const group of stream.groups) this.#makeRoom(group, stream);
    stream.reader?.onEvent(event);
    return event.id;
  }

  /** Empties the oldest streams of a group beyond its limit, but not the one that grows: its newest event must stay. */
  #makeRoom(group: Group, growing: Stream): void {
    if (group.chars <= group.maxChars) return;
    for (const stream of group.streams) {
      if (group.chars <= group.maxChars * 0.9) return; // below the limit, so that not every event begins a round from the oldest stream
      if (stream === growing) continue;
      grow(stream, STREAM_CHARS - stream.chars);
      stream.events.length = 0;
      if (stream.isOver) this.#drop(stream);
    }
  }

  readonly #isUnused = ({ reader, usedAt }: Stream): boolean =>
    reader === undefined && usedAt + this.retainMs <= performance.now();

  readonly #drop = (stream: Stream): void => {
    if (!this.#streams.delete(stream.id)) return;
    stream.isOver = true;
    grow(stream, -stream.chars);
    for (const group of stream.groups) {
      group.streams.delete(stream);
      if (group.streams.size === 0) this.#groups.delete(group.key);
    }
    this.#endReader(stream);
  };

  #endReader(stream: Stream): void {
    const { reader } = stream;
    stream.reader = undefined;
    reader?.onEnd();
  }

  #group(key: string, maxChars: number): Group {
    const group = this.#groups.get(key) ?? { key, maxChars, streams: new Set(), chars: 0 };
    this.#groups.set(key, group);
    return group;
  }
}

function grow(stream: Stream, chars: number): void {
  stream.chars += chars;
  for (const group of stream.groups) group.chars += chars;
}
