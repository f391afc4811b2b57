import type { Socket } from 'node:net';

/** The responses on a connection, one after the other. */
export function readAnswers(socket: Socket): { next(): Promise<string> } {
  let received: Buffer[] = [];
  let missing = Infinity; // bytes, once the head says how long the body is
  let settle: { resolve: (answer: string) => void; reject: (error: Error) => void } | undefined;
  const finish = () => {
    const answer = Buffer.concat(received).toString('latin1');
    received = [];
    missing = Infinity;
    settle?.resolve(answer);
  };
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk);
    if (missing !== Infinity) {
      missing -= chunk.length;
    } else {
      const text = Buffer.concat(received).toString('latin1');
      const headEnd = text.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd + 2)) ?? [];
      if (length !== undefined) missing = headEnd + 4 + Number(length) - text.length;
      else if (text.endsWith('\r\n0\r\n\r\n')) missing = 0; // chunked
    }
    if (missing <= 0) finish();
  });
  socket.on('error', (error) => settle?.reject(error));
  socket.on('close', () => settle?.reject(new Error('the connection was closed')));
  return {
    next: () =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject };
      }),
  };
}
