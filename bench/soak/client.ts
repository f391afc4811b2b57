/** A client of the soak: one caller, that may go away at any moment. Each of its requests goes to the next replica. */
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Ledger, Sent } from './ledger.js';

export interface Way {
  next(): URL;
  readonly ledger: Ledger;
}

export interface Client {
  /** @param body a text is sent as it is */
  send(method: string, headers?: Headers, body?: object | string): Promise<IncomingMessage>;
}
type Headers = Readonly<Record<string, string>>;

/** The soak itself ended the connection: nothing of the server is at fault. */
export class Cut extends Error {}

const AGENT = new Agent({ keepAlive: true });
const SENT = new WeakMap<IncomingMessage, { readonly sent: Sent; readonly ledger: Ledger }>();

/** Each on an address of its own, as far as the server can tell: limits are kept by address too. */
export function createClient({ next, ledger }: Way, token: string): Client {
  const address = `198.18.${anyByte()}.${anyByte()}`;
  return {
    async send(method, headers = {}, body) {
      const sent = ledger.begin(nameOf(body) ?? method, () => outgoing.destroy());
      const outgoing: ClientRequest = request(next(), {
        method,
        agent: AGENT,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json, text/event-stream',
          'x-request-id': sent.id,
          'x-forwarded-for': address,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
      });
      outgoing.once('close', () => ledger.end(sent));
      outgoing.end(typeof body === 'object' ? JSON.stringify(body) : body);
      const [answer] = (await once(outgoing, 'response').catch((error: unknown) => {
        throw sent.isCut ? new Cut() : error;
      })) as [IncomingMessage];
      ledger.answered(sent, answer);
      SENT.set(answer, { sent, ledger });
      return answer.on('error', () => {}); // cut by us
    },
  };
}

const anyByte = () => Math.floor(Math.random() * 256);

const nameOf = (body: object | string | undefined) =>
  typeof body === 'object' && 'method' in body ? String(body.method) : undefined;

/** The whole of an answer. */
export async function read(answer: IncomingMessage): Promise<string> {
  const following = follow(answer);
  await following.closed;
  return following.text();
}

export type Following = ReturnType<typeof follow>;

/** A stream as it comes. `closed` and `saw` reject when it is cut. */
export function follow(answer: IncomingMessage) {
  const { sent, ledger } = SENT.get(answer) ?? {};
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const closed = once(answer, 'close').then(
    () => {},
    (error: unknown) => {
      throw sent?.isCut ? new Cut() : error;
    },
  );
  closed
    .catch(() => {}) // who waits for it is told
    .finally(() => sent && ledger?.read(sent, text));
  return {
    answer,
    closed,
    text: () => text,
    async saw(pattern: RegExp): Promise<RegExpExecArray> {
      for (let isOver = false; ; ) {
        const found = pattern.exec(text);
        if (found) return found;
        if (isOver && sent?.isCut) throw new Cut();
        if (isOver) throw new Error(`a stream ended without ${pattern.source}: ${text.slice(-600)}`);
        const more = once(answer, 'data').then(
          () => false,
          () => true,
        );
        isOver = await Promise.race([more, closed.then(() => true)]);
      }
    },
  };
}
