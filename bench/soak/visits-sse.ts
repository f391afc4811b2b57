/** Clients of HTTP+SSE: all answers come on the stream that the client opened first. */
import { createClient } from './client.js';
import { WHOAMI } from './documents.js';
import { drained, stream } from './expect.js';
import { initialize } from './visits-2025.js';
import type { Visits } from './visits.js';

export const VISITS_SSE: Visits = {
  'speaks HTTP+SSE': async ({ alone, ledger, token }) => {
    const client = (path: string) => createClient({ ledger, next: () => new URL(path, alone) }, token);
    const { answer, saw } = await stream(client('/sse').send('GET'));
    try {
      const [, path = ''] = await saw(/^data: (\/messages.*)$/m);
      const say = (body: object) => drained(202, client(path).send('POST', {}, body));
      await say(initialize());
      await saw(/"protocolVersion"/);
      await say({ jsonrpc: '2.0', method: 'notifications/initialized' });
      await say({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: WHOAMI });
      await saw(/"subject"/);
    } finally {
      answer.destroy(); // its session ends with it
    }
  },
};
