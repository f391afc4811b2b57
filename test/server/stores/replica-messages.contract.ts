import { describe, expect, test } from '@jest/globals';
import { redisChanges } from '../../../src/server/stores/redis/changes.js';
import { redisClientReplies } from '../../../src/server/stores/redis/client-replies.js';
import type { Connection } from '../../../src/server/stores/redis/connection.js';
import { redisSessions } from '../../../src/server/stores/redis/sessions.js';
import { type Change, StoreUnavailable } from '../../../src/server/stores/types.js';
import { tasksOfOneProcess } from './one-process.js';

const TOOLS: Change = { kind: 'tools' };
const [A, B] = ['doc://a', 'doc://b'].map((uri): Change => ({ kind: 'resource', uri })) as [Change, Change];
const OWNER = 'alice';

/** What every Redis that carries messages between replicas promises. */
export function replicaMessagesContract(open: () => Promise<Connection>): void {
  describe('messages between replicas', () => {
    async function replica() {
      const opened = await open();
      const received: string[] = [];
      const connection: Connection = {
        ...opened,
        subscribe: (channel, listener) =>
          opened.subscribe(channel, (message) => {
            received.push(channel.split(':').slice(0, 2).join(':'));
            listener(message);
          }),
      };
      return {
        received,
        sessions: redisSessions({ connection, idleMs: 60_000 }),
        replies: redisClientReplies(connection),
        changes: redisChanges(connection),
        tasks: tasksOfOneProcess({ connection }),
      };
    }

    test('go to the replica that they concern; a third one, which has sessions, calls and streams of its own, receives none', async () => {
      const [asking, sending, third] = [await replica(), await replica(), await replica()];
      const created = { protocolVersion: '2025-11-25', clientCapabilities: {}, subscriptions: [] };
      const createdAt = Date.now();
      for (const [one, id, wanted] of [
        [asking, 'concerned', [TOOLS, A]],
        [third, 'other', [B]],
      ] as const) {
        await surely(() =>
          one.sessions.create({ ...created, id, owner: OWNER, clientInfo: { name: 'a', version: '1' } }, 10),
        );
        await one.sessions.follow(id, () => {}).listening;
        one.replies.subscribe(id, () => {});
        await one.changes.subscribe(wanted, () => {}).listening;
        await surely(() =>
          one.tasks.create({ id, owner: OWNER, tool: 'work', createdAt, ttlMs: 60_000 }, 10),
        );
        one.tasks.watch(id, () => {});
        await surely(() => one.sessions.update(id, { logLevel: 'debug' }));
        await seen(one.received, 'mcp:session-changed');
      }
      third.received.length = 0;

      sending.changes.publish(A);
      sending.changes.publish(TOOLS);
      await surely(() => sending.replies.publish({ sessionId: 'concerned', scopes: [], message: { id: 1 } }));
      await surely(() => sending.tasks.change('concerned', { statusMessage: 'half' }));
      await surely(() => sending.sessions.delete('concerned'));
      for (const kind of ['changed', 'replied', 'task-changed']) await seen(asking.received, `mcp:${kind}`);
      sending.changes.publish(B); // the one message for the third: what came before it has arrived
      await seen(third.received, 'mcp:changed');

      expect(third.received).toEqual(['mcp:changed']);
      expect(sending.received).toEqual([]);
      await Promise.all(
        [asking, sending, third].flatMap(({ sessions, replies, changes, tasks }) =>
          [sessions, replies, changes, tasks].map((store) => store.close()),
        ),
      );
    });
  });
}

async function seen(received: readonly string[], channel: string): Promise<void> {
  while (!received.includes(channel)) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** On a busy machine Redis counts as away for a moment. */
async function surely<T>(step: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
