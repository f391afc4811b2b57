import net from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Sends bytes exactly as given, which no HTTP client would, and reads until the server closes the connection. */
export async function rawRequest(port: number, request: string | Buffer): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A reset after the answer is the server's right; what was read until then is what the test judges.
  socket.on('error', () => socket.destroy());
  socket.write(request);
  await closed(socket);
  return Buffer.concat(chunks).toString();
}

/** Not `once` of node:events: it rejects when an `error`, such as that of a reset, comes before the `close`. */
export async function closed(socket: net.Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

/** The first answer in what a connection received. */
export function parseRaw(received: string): RawAnswer {
  const end = received.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = received.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  return { status: Number(statusLine.split(' ')[1]), headers, text: received.slice(end + 4) };
}
