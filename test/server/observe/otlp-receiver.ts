/** A collector of traces: takes what an OTLP exporter POSTs (http/protobuf) and reads it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of its trace. */
  readonly parent: string;
  readonly name: string;
  /** 1 internal, 2 server. */
  readonly kind: number;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, string>>;
  /** Ids of the spans it is linked to. */
  readonly links: readonly string[];
}

export interface Receiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** The bodies as they came: what no test thought of is in them, too. */
  readonly text: () => string;
  readonly paths: readonly string[];
  close(): void;
}

export async function startReceiver(): Promise<Receiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: Buffer[] = [];
  const paths: string[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.once('end', () => {
      const sent = Buffer.concat(chunks);
      const body = req.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      paths.push(`${req.method} ${req.url}`);
      bodies.push(body);
      spans.push(...spansOf(body));
      res.writeHead(200, { 'Content-Type': 'application/x-protobuf' }).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    paths,
    text: () => Buffer.concat(bodies).toString('latin1'),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Fields = ReadonlyMap<number, readonly (Buffer | number)[]>;

/** One message of the protobuf wire format: varints, 64 bits, and what has a length. */
function fieldsOf(message: Buffer): Fields {
  const fields = new Map<number, (Buffer | number)[]>();
  let at = 0;
  const varint = () => {
    let [value, factor, byte] = [0, 1, 0x80];
    while (byte & 0x80) {
      byte = message.readUInt8(at++);
      value += (byte & 0x7f) * factor;
      factor *= 128;
    }
    return value;
  };
  while (at < message.length) {
    const tag = varint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    let value: Buffer | number = 0;
    if (wire === 0) value = varint();
    else {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
      value = message.subarray(at, (at += length));
    }
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

const messages = (fields: Fields, number: number) =>
  (fields.get(number) ?? []).filter((value) => Buffer.isBuffer(value));
const hex = (fields: Fields, number: number) => messages(fields, number)[0]?.toString('hex') ?? '';
const text = (fields: Fields, number: number) => messages(fields, number)[0]?.toString() ?? '';
const inner = (fields: Fields, number: number) => messages(fields, number).map(fieldsOf);

/** Field numbers of `ExportTraceServiceRequest` (opentelemetry-proto, trace/v1). */
function spansOf(body: Buffer): readonly ReceivedSpan[] {
  const scopes = inner(fieldsOf(body), 1).flatMap((resource) => inner(resource, 2));
  return scopes
    .flatMap((scope) => inner(scope, 2))
    .map((span) => ({
      traceId: hex(span, 1),
      spanId: hex(span, 2),
      parent: hex(span, 4),
      name: text(span, 5),
      kind: Number(span.get(6)?.[0]),
      attributes: Object.fromEntries(inner(span, 9).map((pair) => [text(pair, 1), valueOf(pair)])),
      links: inner(span, 13).map((link) => hex(link, 2)),
      isError: inner(span, 15).some((status) => status.get(3)?.[0] === 2),
    }));
}

function valueOf(pair: Fields): string {
  const [value = new Map<number, never>()] = inner(pair, 2);
  return text(value, 1) || String(value.get(3)?.[0]);
}
