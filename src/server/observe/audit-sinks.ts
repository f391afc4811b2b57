import { constants, fstatSync, write } from 'node:fs';
import { open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

/** `stderr` is for the stdio entry point, whose stdout belongs to the protocol. */
export type AuditSink =
  | { readonly kind: 'stdout' | 'stderr' }
  | { readonly kind: 'file'; readonly path: string };

/** Something opened for writing. After an error it is closed and opened anew. */
export interface Output {
  /** Number of bytes taken, which may be fewer than given. Never blocks the event loop. */
  write(data: Buffer): Promise<number>;
  close(): Promise<void>;
}

const FD = { stdout: 1, stderr: 2 } as const;
const OWNER_ONLY = 0o600;
/** `O_NONBLOCK`: a FIFO without a reader is an error instead of a thread that waits for ever. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export async function openOutput(sink: AuditSink): Promise<Output> {
  if (sink.kind === 'file') return openFile(sink.path);
  const fd = FD[sink.kind];
  const stat = fstatSync(fd);
  if (stat.isFIFO() || stat.isSocket()) return socketOutput(fd);
  const writeFd = promisify(write);
  return {
    write: async (data) => (await writeFd(fd, data)).bytesWritten,
    close: async () => {},
  };
}

/**
 * A pipe is written through a socket, which makes it non-blocking: a stalled reader would otherwise hold a thread, and
 * with it the exit of the process. Files and terminals are written from the thread pool.
 */
function socketOutput(fd: number): Output {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on('error', () => {}); // each write reports its own
  return {
    write: (data) =>
      new Promise((resolve, reject) => {
        socket.write(data, (error) => (error ? reject(error) : resolve(data.length)));
      }),
    close: async () => void socket.destroy(), // libuv leaves descriptors 1 and 2 themselves open
  };
}

async function openFile(path: string): Promise<Output> {
  const file = await open(path, APPEND, OWNER_ONLY);
  const close = () => file.close();
  try {
    const stat = await file.stat();
    if (stat.isFile() && stat.size > 0 && (await endsInTornLine(path, stat.size))) await file.write('\n');
  } catch (error) {
    await close();
    throw error;
  }
  const write = async (data: Buffer) => {
    const [{ bytesWritten }, { nlink }] = await Promise.all([file.write(data), file.stat()]);
    // Deleted under us: the write succeeds, and nobody will ever read it.
    if (nlink === 0) throw new Error('audit file was deleted');
    return bytesWritten;
  };
  return { write, close };
}

/** A crash or a full disk may have left half a record, which would spoil the next one. */
async function endsInTornLine(path: string, size: number): Promise<boolean> {
  const reader = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await reader.read(Buffer.alloc(1), 0, 1, size - 1);
    return bytesRead === 1 && buffer.toString() !== '\n';
  } finally {
    await reader.close();
  }
}
