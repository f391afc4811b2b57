import { pino } from 'pino';
import { REDACTED, redact } from './redact.js';

/** Dropping log lines beats running out of memory when nobody reads stderr. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const SECRET_FIELDS = ['authorization', 'cookie', 'x-api-key', 'apiKey', 'token', 'secret', 'password'];
/** In the fields themselves, in their members, and in the members of those. */
const SECRET_PATHS = SECRET_FIELDS.flatMap((name) =>
  ['', '*', '*.*'].map((parent) => `${parent}["${name}"]`),
);

type Log = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** The operational log. Fields first, so that a message is always a constant one can search for. */
export type Logger = Readonly<Record<'debug' | 'info' | 'warn' | 'error' | 'fatal', Log>>;

/**
 * Logs JSON lines to stderr: stdout belongs to the audit, or over stdio to the protocol.
 *
 * `process.stderr` writes at once, so that nothing is lost when the process exits, except to a pipe whose reader
 * stalls: there it buffers instead of blocking the event loop.
 *
 * @param mixin more fields of every line
 */
export function createLogger(level: string, mixin?: () => object): Logger {
  process.stderr.on('error', () => {}); // the reader of our log went away: no reason to stop serving
  const destination = {
    write(line: string): void {
      if (process.stderr.writableLength < MAX_BUFFERED_BYTES) process.stderr.write(line);
    },
  };
  return pino(
    {
      level,
      ...(mixin && { mixin }),
      redact: { paths: SECRET_PATHS, censor: REDACTED },
      serializers: { error: pino.stdSerializers.err },
      hooks: { streamWrite: redact },
    },
    destination,
  );
}
