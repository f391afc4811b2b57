/** A client of the soak: one caller, that may go away at any moment. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';

export interface Client {
  send(method: string, headers?: Headers, body?: object): Promise<IncomingMessage>;
}
type Headers = Readonly<Record<string, string>>;

/** Each on an address of its own, as far as the server can tell: limits are kept by address too. */
export function createClient(url: URL, token: string): Client {
  const address = `198.18.${anyByte()}.${anyByte()}`;
  return {
    async send(method, headers = {}, body) {
      const sent = request(url, {
        method,
        agent: AGENT,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json, text/event-stream',
          'x-forwarded-for': address,
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
      });
      sent.end(body && JSON.stringify(body));
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      return answer.on('error', () => {}); // cut by us
    },
  };
}

const AGENT = new Agent({ keepAlive: true });

const anyByte = () => Math.floor(Math.random() * 256);

/** The whole of an answer. */
export async function read(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return text;
}

/** The first message of a stream, which goes on. */
export async function firstMessage(answer: IncomingMessage): Promise<{ text: string; message: Message }> {
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  for (;;) {
    const data = /^data: (\{.*\})$/m.exec(text)?.[1];
    if (data !== undefined) return { text, message: JSON.parse(data) as Message };
    await Promise.race([once(answer, 'data'), once(answer, 'close').then(() => failed(text))]);
  }
}

interface Message {
  readonly id?: string;
}

function failed(text: string): never {
  throw new Error(`a stream without a message: ${text.slice(0, 300)}`);
}
