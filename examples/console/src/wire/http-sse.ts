/** HTTP+SSE of revision 2024-11-05: one stream brings everything, messages go to the address that it names. */
import { readEvents } from './event-stream.js';
import { INITIALIZE, type Message, resultOf, send } from './json-rpc.js';

/** One call on a connection of its own. @throws as `send`, and when the stream ends before the answer */
export async function callOverSse(
  url: string,
  credential: string,
  params: object,
  onMessage: (message: Message) => void,
): Promise<Readonly<Record<string, unknown>>> {
  const connection = new AbortController();
  const authorization = { Authorization: `Bearer ${credential}` };
  const stream = await send(url, {
    headers: { ...authorization, Accept: 'text/event-stream' },
    signal: connection.signal,
  });
  let endpoint = '';
  const post = (message: object) =>
    send(endpoint, {
      method: 'POST',
      headers: { ...authorization, 'Content-Type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });

  try {
    for await (const { type, data } of readEvents(stream)) {
      if (type === 'endpoint') {
        endpoint = endpointOf(data, url);
        await post({ id: 1, method: 'initialize', params: INITIALIZE });
        continue;
      }
      const message = JSON.parse(data) as Message;
      if (message.id === 2 && message.method === undefined) return resultOf(message);
      if (message.id === 1) {
        resultOf(message);
        await post({ method: 'notifications/initialized' });
        await post({ id: 2, method: 'tools/call', params });
      } else onMessage(message);
    }
    throw new Error('The stream ended before the answer: over HTTP+SSE the call is lost.');
  } finally {
    connection.abort();
  }
}

/** The credential goes there: no stream may send it to another origin. */
function endpointOf(path: string, url: string): string {
  const endpoint = new URL(path, url);
  if (endpoint.origin !== new URL(url).origin) throw new Error('The endpoint is of another origin.');
  return endpoint.href;
}
