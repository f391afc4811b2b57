import { pino } from 'pino';
import { REDACTED, redact } from './redact.js';

/** When nobody reads stderr, we drop lines rather than run out of memory. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const SECRET_FIELDS = ['authorization', 'cookie', 'x-api-key', 'apiKey', 'token', 'secret', 'password'];
/** At the first three levels of the fields. */
const SECRET_PATHS = SECRET_FIELDS.flatMap((name) =>
  ['', '*', '*.*'].map((parent) => `${parent}["${name}"]`),
);

type Log = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** The operational log. Variable data goes into the fields, so that messages are constants one can search for. */
export type Logger = Readonly<Record<'debug' | 'info' | 'warn' | 'error' | 'fatal', Log>>;

/**
 * Logs JSON lines to stderr: stdout belongs to the audit, or over stdio to the protocol.
 *
 * `process.stderr` writes at once, so that an exit loses nothing. Only if the reader of a pipe stalls does it buffer, instead
 * of blocking the event loop.
 *
 * @param mixin gives more fields for every line
 */
export function createLogger(level: string, mixin?: () => object): Logger {
  process.stderr.on('error', () => {}); // if the reader of our log is gone, keep serving
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
