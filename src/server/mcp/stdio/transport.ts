/**
 * JSON-RPC messages on stdin and stdout, one a line.
 *
 * - A line that HTTP would refuse as a body gets the same refusal.
 * - Everything read before the end of stdin is answered before `ended` settles.
 * - After that end nobody can answer our questions: they fail, so that the calls that wait for them end.
 */
import type { Readable, Writable } from 'node:stream';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';
import { type JsonLimits, parseJson } from '../../layers/parse-json.js';
import { RefusedRequest } from '../../refusal.js';
import { requireFewSubscriptions } from '../calls/notifications.js';
import { readMessage } from '../envelope/json-rpc.js';
import { onOneLine } from '../exchange/event-frame.js';

export interface StdioTransportOptions {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly limits: JsonLimits & { readonly maxBytes: number };
  /** Audits a refused line. @returns the answer */
  readonly onRefused: (refusal: RefusedRequest) => object;
}

type Id = string | number;

export class StdioTransport implements Transport {
  onmessage?: NonNullable<Transport['onmessage']>;
  onclose?: () => void;

  /** Settles when reading has stopped and everything is answered, or stdout is broken. */
  readonly ended: Promise<void>;
  #end: () => void = () => {};
  #isReading = true;
  /** The unanswered requests, each with the raw bytes of its arguments. */
  readonly #unanswered = new Map<Id, Buffer | undefined>();
  /** Our unanswered questions. */
  readonly #asked = new Set<Id>();
  /** Settles when stdout accepts more. */
  #room = Promise.resolve();
  #giveRoom: () => void = () => {};
  #pieces: Buffer[] = [];
  #lineBytes = 0;

  constructor(private readonly options: StdioTransportOptions) {
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  async start(): Promise<void> {
    const { stdin, stdout } = this.options;
    stdout
      .on('error', this.#end)
      .on('drain', () => this.#giveRoom())
      .on('close', () => this.#giveRoom());
    stdin
      .on('error', () => this.stopReading())
      .once('end', () => {
        if (this.#lineBytes > 0) this.#endLine();
        this.stopReading();
      });
    stdin.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.#write(message);
    if (!('method' in message)) return this.#settle(message.id);
    if (!('id' in message)) return this.#room;
    this.#asked.add(message.id);
    if (!this.#isReading) this.#failQuestions();
  }

  async close(): Promise<void> {
    this.onclose?.();
  }

  /** Behaves as at the end of stdin. */
  stopReading(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    this.options.stdin.pause();
    this.#failQuestions();
    this.#settle();
  }

  /** The raw bytes of a request's arguments. */
  argumentBytes(id: Id): Buffer | undefined {
    return this.#unanswered.get(id);
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
      this.#keep(chunk.subarray(start, end));
      this.#endLine();
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  /** Keeps only the length of a line that is too long. */
  #keep(piece: Buffer): void {
    this.#lineBytes += piece.length;
    if (this.#lineBytes > this.options.limits.maxBytes) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  #endLine(): void {
    const { maxBytes } = this.options.limits;
    const line = Buffer.concat(this.#pieces);
    const isTooLong = this.#lineBytes > maxBytes;
    [this.#pieces, this.#lineBytes] = [[], 0];
    if (!this.#isReading || (!isTooLong && line.toString().trim() === '')) return;
    try {
      if (isTooLong) throw new RefusedRequest('body_too_large', { detail: { maxBytes } });
      this.#receive(line);
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      this.#write(this.options.onRefused(error));
    }
  }

  #receive(line: Buffer): void {
    const { value, argumentBytes } = parseJson(line, this.options.limits);
    const { kind, message } = readMessage(value);
    const { id, method, params } = message;
    if (kind === 'response') this.#asked.delete(id as Id);
    if (method === 'notifications/cancelled') this.#settle(params?.['requestId']); // it gets no answer
    if (kind === 'request' && id !== undefined) {
      if (this.#unanswered.has(id))
        throw new RefusedRequest('malformed_message', { id, detail: { reason: 'id_in_use' } });
      // A subscription is not awaited: it is answered only when it ends.
      if (method === 'subscriptions/listen')
        requireFewSubscriptions(Object(params?.['notifications'])['resourceSubscriptions'], id);
      else this.#unanswered.set(id, argumentBytes);
    }
    this.onmessage?.(message as JSONRPCMessage);
  }

  #settle(id?: unknown): void {
    this.#unanswered.delete(id as Id);
    if (!this.#isReading && this.#unanswered.size === 0) this.#end();
  }

  #failQuestions(): void {
    for (const id of this.#asked) {
      this.#asked.delete(id);
      this.onmessage?.({
        jsonrpc: '2.0',
        id,
        error: { code: -32000, message: 'The client has closed stdin' },
      });
    }
  }

  #write(message: object): void {
    const { stdout } = this.options;
    const wasFree = !stdout.writableNeedDrain;
    if (stdout.write(`${onOneLine(JSON.stringify(message))}\n`) || !wasFree) return;
    this.#room = new Promise((resolve) => (this.#giveRoom = resolve));
  }
}
