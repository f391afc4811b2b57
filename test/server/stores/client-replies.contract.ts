import { describe, expect, test } from '@jest/globals';
import type { ClientReplies, ClientReply } from '../../../src/server/stores/types.js';

/** What every way for replies of clients promises. */
export function clientRepliesContract(open: () => Promise<ClientReplies>): void {
  describe('replies of clients', () => {
    const reply = (sessionId: string, id: number): ClientReply => ({
      sessionId,
      scopes: [],
      message: { id },
    });

    test('reach who listens to their session, in order, and nobody after they stopped', async () => {
      const replies = await open();
      const seen: Record<string, object[]> = { one: [], other: [] };
      let arrived = () => {};
      const stop = replies.subscribe('one', ({ message }) => {
        seen['one']?.push(message);
        arrived();
      });
      replies.subscribe('other', ({ message }) => {
        seen['other']?.push(message);
        arrived();
      });
      const publish = async (sent: ClientReply) => {
        const arrival = new Promise<void>((resolve) => (arrived = resolve));
        await replies.publish(sent);
        await arrival;
      };
      for (const id of [1, 2]) await publish(reply('one', id));
      stop();
      await replies.publish(reply('one', 3));
      await publish(reply('other', 4));

      expect(seen).toEqual({ one: [{ id: 1 }, { id: 2 }], other: [{ id: 4 }] });
      await replies.close();
    });
  });
}
