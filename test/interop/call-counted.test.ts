import { expect, test } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

interface Counted {
  readonly progress: number;
  readonly logs: number;
}
const script = new URL('./clients/call-counted.mjs', import.meta.url).href;
const { callCounted } = (await import(script)) as { callCounted(client: Client): Promise<Counted> };

const notifications = (id: unknown): readonly JSONRPCMessage[] => [
  { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'one' } },
  { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: Number(id), progress: 1 } },
];
const RESULTS: Readonly<Record<string, Record<string, unknown>>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {}, logging: {} },
    serverInfo: { name: 'a', version: '1' },
  },
  'tools/list': { tools: [] },
  'tools/call': { content: [] },
};

test('notifications that arrive in one piece with the result are counted', async () => {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await theirs.start();
  theirs.onmessage = (message) => {
    if (!('method' in message) || !('id' in message)) return;
    const { id, method } = message;
    if (method === 'tools/call') for (const one of notifications(id)) void theirs.send(one);
    void theirs.send({ jsonrpc: '2.0', id, result: RESULTS[method] ?? {} });
  };
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(ours);

  expect(await callCounted(client)).toMatchObject({ progress: 1, logs: 1 });

  await client.close();
});
