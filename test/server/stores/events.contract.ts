import { describe, expect, test } from '@jest/globals';
import type { EventLog, EventReader, LoggedEvent } from '../../../src/server/stores/event-log.js';
import { after } from './after.js';

const MAX_CHARS = 10_000;
const LONG_MS = 60_000;
const session = { id: 'session of alice', owner: 'alice', scopes: ['a', 'b'] };

/** A reader that can be waited for. */
function collector() {
  const events: LoggedEvent[] = [];
  let ends = 0;
  let wake = () => {};
  const reader: EventReader = {
    onEvent: (event) => {
      events.push(event);
      wake();
    },
    onEnd: () => {
      ends++;
      wake();
    },
  };
  const until = async (isReached: () => boolean) => {
    while (!isReached()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return {
    ...reader,
    events,
    data: () => events.map(({ data }) => data),
    ends: () => ends,
    ended: () => until(() => ends > 0),
    got: (count: number) => until(() => events.length >= count),
  };
}

/** What every event log promises. */
export function eventLogContract(
  open: (options: { maxStreamChars: number; retainMs: number }) => Promise<EventLog>,
): void {
  describe('events', () => {
    async function withLog(use: (log: EventLog) => Promise<void>, retainMs = LONG_MS): Promise<void> {
      const log = await open({ maxStreamChars: MAX_CHARS, retainMs });
      try {
        await use(log);
      } finally {
        await log.close();
      }
    }

    test('a reader gets the event that begins its stream, then each in order, then the end', () =>
      withLog(async (log) => {
        const reader = collector();
        const stream = await log.begin(session, reader, 'lost');
        const ids = await Promise.all([stream.append('one'), stream.append('two')]);
        await stream.end('three');
        await reader.ended();

        expect(reader.data()).toEqual(['', 'one', 'two', 'three']);
        expect(reader.events.slice(1, 3).map(({ id }) => id)).toEqual(ids);
        expect(new Set(reader.events.map(({ id }) => id)).size).toBe(4);
        expect(reader.ends()).toBe(1);
      }));

    test('nothing is added behind the end', () =>
      withLog(async (log) => {
        const [reader, again] = [collector(), collector()];
        const stream = await log.begin(session, reader, 'lost');
        await stream.end('last');
        await reader.ended();

        expect(await stream.append('late')).toBeUndefined();
        await stream.end('later');
        await log.resume(session, reader.events[0]?.id ?? '', again);
        await again.ended();
        expect(again.data()).toEqual(['last']);
        expect(reader.data()).toEqual(['', 'last']);
      }));

    test('what is read on after an event is what came after it, then what comes, from its own stream only', () =>
      withLog(async (log) => {
        const [first, second, other] = [collector(), collector(), collector()];
        const stream = await log.begin(session, first, 'lost');
        const neighbour = await log.begin(session, other, 'lost');
        const seen = await stream.append('seen');
        stream.stop();
        await stream.append('missed');
        await neighbour.append('of the neighbour');
        await log.resume(session, String(seen), second);
        await stream.append('live');
        await stream.end('last');
        await second.ended();

        expect(second.data()).toEqual(['missed', 'live', 'last']);
        expect(first.data()).toEqual(['', 'seen']);
        expect(first.ends()).toBe(0);
      }));

    test('an id has one spelling: with padding, white space, another case or number nothing is resumed', () =>
      withLog(async (log) => {
        const stream = await log.begin(session, collector(), 'lost');
        const id = String(await stream.append('seen'));
        stream.stop();
        const [name = '', number = ''] = id.split('.');
        const numbers = [
          `0${number}`,
          `+${number}`,
          `${number}.0`,
          `${number}e0`,
          `0x${number}`,
          `${number}=`,
          '',
        ];
        const others = [` ${id}`, `${id}\n`, `${id}\0`, id.toUpperCase(), `${name}=.${number}`, name];

        for (const other of [...others, ...numbers.map((text) => `${name}.${text}`)]) {
          expect(await log.scopesOf(session, other)).toBeUndefined();
          expect(await log.resume(session, other, collector())).toBeUndefined();
        }
        expect(await log.resume(session, id, collector())).toBeDefined();
      }));

    test('behind the final event there is only the end', () =>
      withLog(async (log) => {
        const [reader, again] = [collector(), collector()];
        const stream = await log.begin(session, reader, 'lost');
        await stream.end('last');
        await reader.ended();
        await log.resume(session, String(reader.events.at(-1)?.id), again);
        await again.ended();

        expect(again.data()).toEqual([]);
        expect(again.ends()).toBe(1);
      }));

    test('resuming a stream ends the reader it had, whose stop then stops nobody else', () =>
      withLog(async (log) => {
        const [first, second] = [collector(), collector()];
        const stream = await log.begin(session, first, 'lost');
        await log.resume(session, String(await stream.append('one')), second);
        await first.ended();
        stream.stop();
        await stream.append('two');
        await second.got(1);

        expect(second.data()).toEqual(['two']);
        expect(first.data()).toEqual(['', 'one']);
      }));

    test.each([
      ['another session', { id: 'other session', owner: 'alice' }],
      ['another owner', { id: session.id, owner: 'mallory' }],
    ])('an id shows nothing to %s, and disturbs nobody', (_who, stranger) =>
      withLog(async (log) => {
        const [reader, spy] = [collector(), collector()];
        const stream = await log.begin(session, reader, 'lost');
        const id = String(await stream.append('secret'));

        expect(await log.resume(stranger, String(reader.events[0]?.id), spy)).toBeUndefined();
        expect(await log.resume(stranger, id, spy)).toBeUndefined();
        await stream.end('more');
        await reader.ended();
        expect(spy.events).toEqual([]);
        expect(spy.ends()).toBe(0);
        expect(reader.data()).toEqual(['', 'secret', 'more']);
      }),
    );

    test('an id that was never given shows nothing', () =>
      withLog(async (log) => {
        const [reader, spy] = [collector(), collector()];
        const stream = await log.begin(session, reader, 'lost');
        const id = String(await stream.append('secret'));
        const [name] = id.split('.');
        const guesses = [
          '',
          'x',
          name,
          `${name}.0`,
          `${name}.-1`,
          `${name}.99`,
          `${id} `,
          `${id}.1`,
          id.replace(/.\./, (end) => (end === 'A.' ? 'B.' : 'A.')),
          '__proto__.1',
          'x'.repeat(100_000),
        ];

        for (const guess of guesses) expect(await log.resume(session, String(guess), spy)).toBeUndefined();
        expect(spy.events).toEqual([]);
      }));

    test('a stream keeps its newest events, and no id leads over the gap', () =>
      withLog(async (log) => {
        const [reader, behind, near] = [collector(), collector(), collector()];
        const stream = await log.begin(session, reader, 'lost');
        const ids = [];
        for (let i = 0; i < 50; i++) ids.push(String(await stream.append('x'.repeat(1000))));
        stream.stop();

        expect(await log.resume(session, String(ids[0]), behind)).toBeUndefined();
        expect(behind.events).toEqual([]);
        expect(await log.resume(session, String(ids.at(-3)), near)).toBeDefined();
        await near.got(2);
        expect(near.events.map(({ id }) => id)).toEqual(ids.slice(-2));
      }));

    test('a final event larger than all a stream may keep is kept', () =>
      withLog(async (log) => {
        const [reader, again] = [collector(), collector()];
        const stream = await log.begin(session, reader, 'lost');
        const seen = await stream.append('one');
        stream.stop();
        await stream.end('x'.repeat(3 * MAX_CHARS));
        await log.resume(session, String(seen), again);
        await again.ended();

        expect(again.data().map((data) => data.length)).toEqual([3 * MAX_CHARS]);
      }));

    test('a dropped stream, and all of a forgotten session, end their readers and are gone', () =>
      withLog(async (log) => {
        const readers = [collector(), collector(), collector()] as const;
        const other = collector();
        const dropped = await log.begin(session, readers[0], 'lost');
        await log.begin(session, readers[1], 'lost');
        await log.begin(session, readers[2], 'lost');
        const kept = await log.begin({ ...session, id: 'other' }, other, 'lost');
        await Promise.all(readers.map(({ got }) => got(1)));
        await dropped.drop();
        await readers[0].ended();
        expect(readers.map(({ ends }) => ends())).toEqual([1, 0, 0]);
        await log.forget(session.id);
        await Promise.all(readers.map(({ ended }) => ended()));

        for (const { events } of readers) {
          expect(await log.resume(session, String(events[0]?.id), collector())).toBeUndefined();
        }
        expect(await dropped.append('late')).toBeUndefined();
        expect(await kept.append('on')).toBeDefined();
      }));

    test('a stream that nobody reads is forgotten in time, one that is read is not', () =>
      withLog(async (log) => {
        const [reader, lost] = [collector(), collector()];
        const stream = await log.begin(session, reader, 'lost');
        const left = await log.begin(session, lost, 'lost');
        const id = await left.append('one');
        left.stop();
        await after(900);

        expect(await log.resume(session, String(id), collector())).toBeUndefined();
        expect(await stream.append('still')).toBeDefined();
        await reader.got(2);
      }, 600));
  });
}
