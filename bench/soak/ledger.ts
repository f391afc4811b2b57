/** What clients sent and what came back. The audit must have the same. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Sent {
  /** Of the client: the audit has it as `clientRequestId`. */
  readonly id: string;
  /** Method of JSON-RPC or HTTP. */
  readonly what: string;
  readonly sentAt: number;
  answeredAt?: number;
  status?: number;
  /** Of the server: the audit has it as `requestId`. */
  requestId?: string | undefined;
  retryAfter?: string | undefined;
  /** The beginning of what was read of its body. */
  text?: string;
  hasResult?: boolean;
  /** The client went away before it was answered. */
  isCut?: boolean;
}

/** Enough to tell a refusal by: a soak may last a day. */
const MAX_CHARS = 300;

export class Ledger {
  readonly sent: Sent[] = [];
  readonly #open = new Map<Sent, () => void>();

  /** @param cut ends its connection */
  begin(what: string, cut: () => void): Sent {
    const sent = { id: randomUUID(), what, sentAt: Date.now() };
    this.sent.push(sent);
    this.#open.set(sent, cut);
    return sent;
  }

  answered(sent: Sent, { statusCode = 0, headers }: Pick<IncomingMessage, 'statusCode' | 'headers'>): void {
    sent.answeredAt = Date.now();
    sent.status = statusCode;
    sent.requestId = headers['x-request-id'] as string | undefined;
    sent.retryAfter = headers['retry-after'];
  }

  read(sent: Sent, text: string): void {
    sent.text = text.slice(0, MAX_CHARS);
    sent.hasResult = text.includes('"result":');
  }

  /** Nothing more comes. */
  end(sent: Sent): void {
    this.#open.delete(sent);
  }

  /** All clients go away at once. */
  cutAll(): void {
    for (const [sent, cut] of this.#open) {
      sent.isCut = true;
      cut();
    }
  }
}
