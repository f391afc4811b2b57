import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { NewTask, TaskStore } from '../../../src/server/stores/task-store.js';
import { after } from './after.js';

/** What every store of tasks promises. */
export function taskContract(open: () => Promise<TaskStore>): void {
  describe('tasks', () => {
    let store: TaskStore;
    afterEach(() => store.close());

    const begin = async (change: Partial<NewTask> = {}, most = 10) => {
      const createdAt = Date.now();
      const task = { id: randomUUID(), owner: 'alice', tool: 'work', createdAt, ttlMs: 60_000, ...change };
      return { task, isCreated: await store.create(task, most) };
    };

    test('a new task works', async () => {
      store = await open();
      const { task } = await begin();
      const fresh = { status: 'working', lastUpdatedAt: task.createdAt, questions: {}, answers: {} };
      expect(await store.get(task.id, 'alice')).toEqual({ ...task, ...fresh });
    });

    test("another owner's task is as unknown as one that does not exist", async () => {
      store = await open();
      const { task } = await begin();
      expect(await store.get(task.id, 'bob')).toBeUndefined();
      expect(await store.get('nothing', 'alice')).toBeUndefined();
    });

    test('an owner has as many as allowed, and another owner as many again', async () => {
      store = await open();
      const made = [await begin({}, 2), await begin({}, 2), await begin({}, 2)];
      expect(made.map(({ isCreated }) => isCreated)).toEqual([true, true, false]);
      expect(await store.get(made[2]?.task.id ?? '', 'alice')).toBeUndefined();
      expect((await begin({ owner: 'bob' }, 2)).isCreated).toBe(true);
    });

    test('is forgotten after its time to live, and its place is free', async () => {
      store = await open();
      const { task } = await begin({ ttlMs: 100 }, 1);
      while (await store.get(task.id, 'alice')) await after(20);
      expect(await store.change(task.id, { status: 'completed' })).toBe(false);
      expect((await begin({}, 1)).isCreated).toBe(true);
    });

    test('the first end stands', async () => {
      store = await open();
      const { task } = await begin();
      const outcome = { content: [] };
      expect(await store.change(task.id, { statusMessage: '1/2' })).toBe(true);
      expect(await store.change(task.id, { status: 'completed', outcome })).toBe(true);
      expect(await store.change(task.id, { status: 'cancelled' })).toBe(false);
      const ended = { status: 'completed', outcome, statusMessage: '1/2' };
      expect(await store.get(task.id, 'alice')).toMatchObject(ended);
    });

    test('of two answers the first counts, and one to what was not asked does not', async () => {
      store = await open();
      const { task } = await begin();
      await store.change(task.id, { questions: { 'a:b\n': { n: 1 }, other: {} } });
      await store.change(task.id, { answers: { 'a:b\n': 'first', unasked: 'x' } });
      await store.change(task.id, { answers: { 'a:b\n': 'second' } });
      expect(await store.get(task.id, 'alice')).toMatchObject({
        questions: { 'a:b\n': { n: 1 }, other: {} },
        answers: { 'a:b\n': 'first' },
      });
      expect((await store.get(task.id, 'alice'))?.answers).not.toHaveProperty('unasked');
    });

    test('tells who watches of a change, and not after that', async () => {
      store = await open();
      const { task } = await begin();
      let [heard, later] = [0, 0];
      const stop = store.watch(task.id, () => later++);
      stop();
      const told = new Promise<void>((resolve) => {
        store.watch(task.id, () => {
          heard++;
          resolve();
        });
      });
      await store.change(task.id, { statusMessage: 'half' });
      await told;
      expect([heard > 0, later]).toEqual([true, 0]);
    });
  });
}
