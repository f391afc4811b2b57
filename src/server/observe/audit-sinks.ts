import { close, constants, fstat, fstatSync, open, type Stats, write } from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

/** `stderr` is for the stdio entry point, whose stdout belongs to the protocol. */
export type AuditSink =
  | { readonly kind: 'stdout' | 'stderr' }
  | { readonly kind: 'file'; readonly path: string };

/** An opened sink. After an error its owner closes it and opens a new one. */
export interface Output {
  /** Number of bytes written, which may be fewer than given. Never blocks the event loop. */
  write(data: Buffer): Promise<number>;
  close(): Promise<void>;
}

const FD = { stdout: 1, stderr: 2 } as const;
const OWNER_ONLY = 0o600;
/** `O_NONBLOCK`: opening a FIFO without a reader fails instead of blocking a thread for ever. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/**
 * A write of up to this size to a pipe is atomic (POSIX `PIPE_BUF`, on Linux): a reader that goes away causes neither half a
 * record nor a duplicate.
 */
const PIPE_ATOMIC_BYTES = 4096;

const [openFd, writeFd, statFd, closeFd] = [
  promisify(open),
  promisify(write),
  promisify(fstat),
  promisify(close),
];

export async function openOutput(sink: AuditSink): Promise<Output> {
  if (sink.kind === 'file') return openFile(sink.path);
  const fd = FD[sink.kind];
  if (isPipe(fstatSync(fd))) return pipeOutput(fd);
  return {
    write: async (data) => (await writeFd(fd, data)).bytesWritten,
    close: async () => {},
  };
}

const isPipe = (stat: Stats) => stat.isFIFO() || stat.isSocket();

/**
 * Writes to a pipe through a socket, which makes it non-blocking: otherwise a stalled reader would block a thread, and with
 * it the exit of the process. Files and terminals are written from the thread pool.
 */
function pipeOutput(fd: number): Output {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on('error', () => {}); // each write reports its own
  return {
    write: (data) =>
      new Promise((resolve, reject) => {
        const lines = data.subarray(0, endOfLines(data));
        socket.write(lines, (error) => (error ? reject(error) : resolve(lines.length)));
      }),
    close: async () => void socket.destroy(), // libuv leaves descriptors 1 and 2 themselves open
  };
}

/** The end of as many whole lines as fit in one atomic write, or of one longer line. */
function endOfLines(data: Buffer): number {
  return data.lastIndexOf('\n', PIPE_ATOMIC_BYTES - 1) + 1 || data.indexOf('\n') + 1;
}

async function openFile(path: string): Promise<Output> {
  const fd = await openFd(path, APPEND, OWNER_ONLY);
  try {
    const stat = await statFd(fd);
    if (isPipe(stat)) return pipeOutput(fd);
    if (stat.isFile() && stat.size > 0 && (await endsInTornLine(path, stat.size))) {
      await writeFd(fd, Buffer.from('\n'));
    }
  } catch (error) {
    await closeFd(fd);
    throw error;
  }
  return {
    write: async (data) => {
      const [{ bytesWritten }, { nlink }] = await Promise.all([writeFd(fd, data), statFd(fd)]);
      // The file was deleted: the write succeeds, but nobody can read it.
      if (nlink === 0) throw new Error('audit file was deleted');
      return bytesWritten;
    },
    close: () => closeFd(fd),
  };
}

/** A crash or a full disk may have left half a record; appending to it would break the next one. */
async function endsInTornLine(path: string, size: number): Promise<boolean> {
  const reader = await openHandle(path, 'r');
  try {
    const { buffer, bytesRead } = await reader.read(Buffer.alloc(1), 0, 1, size - 1);
    return bytesRead === 1 && buffer.toString() !== '\n';
  } finally {
    await reader.close();
  }
}
