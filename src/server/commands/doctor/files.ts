/** Whether the files that the configuration names can be used, and for how long. */
import { X509Certificate } from 'node:crypto';
import { constants, existsSync, readFileSync, statSync } from 'node:fs';
import { access, open, statfs } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { parseApiKeyFile } from '../../identity/api-key-entry.js';
import { type Check, daysUntil, type Finding, findingsOf, SOON_DAYS } from './finding.js';

/** As the server opens a file that is there: a FIFO without a reader is an error. */
const EXISTING = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK;
const LOW_DISK_BYTES = 100 * 1024 * 1024;

export const checkAudit: Check = ({ AUDIT_SINKS }) =>
  Promise.all(AUDIT_SINKS.flatMap((sink) => (sink.kind === 'file' ? [checkSink(sink.path)] : [])));

/** Nothing is created: a file made by another user than the server's would be one that it cannot write. */
async function checkSink(path: string): Promise<Finding> {
  const { ok, warning, problem } = findingsOf('audit');
  const tried = existsSync(path) ? path : dirname(path);
  try {
    if (tried === path) await (await open(path, EXISTING)).close();
    else await access(`${tried}/.`, constants.W_OK | constants.X_OK);
  } catch (error) {
    return problem(
      `every request would be refused: ${(error as Error).message}`,
      `make ${tried} writable for the user that runs the server, or change AUDIT_SINKS`,
    );
  }
  const { bavail, bsize } = await statfs(tried);
  if (bavail * bsize > LOW_DISK_BYTES) return ok(`${path} is writable`);
  return warning(
    `less than 100 MB are left for ${path}: when it is full, every request is refused`,
    'make room, or rotate the file (SIGHUP)',
  );
}

const MAKE_KEY = 'make one: npm run key -- create, or node dist/key.js create';

export const checkKeyFile: Check = ({ AUTH, API_KEYS_FILE: file }, now) => {
  if (!AUTH.includes('api-key') || file === undefined) return [];
  const { ok, warning, problem } = findingsOf('API keys');
  try {
    const { keys } = parseApiKeyFile(readFileSync(file, 'utf8'));
    const active = keys
      .filter(({ revokedAt }) => revokedAt === undefined)
      .map(({ id, expiresAt }) => ({ id, days: expiresAt ? daysUntil(new Date(expiresAt), now) : Infinity }))
      .filter(({ days }) => days >= 0);
    const isOpen = process.platform !== 'win32' && (statSync(file).mode & 0o022) !== 0;
    return [
      active.length > 0
        ? ok(`${active.length} active`)
        : warning('none is active: nobody can call by key', MAKE_KEY),
      ...(isOpen
        ? [problem(`others may write ${file}, and so make keys of their own`, `chmod 600 ${file}`)]
        : []),
      ...active
        .filter(({ days }) => days < SOON_DAYS)
        .map(({ id, days }) =>
          warning(`${id} ends in ${days} days`, `${MAKE_KEY}; then give its caller the new one`),
        ),
    ];
  } catch (error) {
    return problem((error as Error).message, `repair the file, or ${MAKE_KEY}`);
  }
};

export const checkCertificates: Check = ({ TLS_CERT_FILE, REDIS_CA_FILE, PUBLIC_URL }, now) => [
  ...(TLS_CERT_FILE ? [checkCertificate('TLS certificate', TLS_CERT_FILE, now, PUBLIC_URL.hostname)] : []),
  ...(REDIS_CA_FILE ? [checkCertificate('Redis CA', REDIS_CA_FILE, now)] : []),
];

function checkCertificate(check: string, file: string, now: Date, host?: string): Finding {
  const { ok, warning, problem } = findingsOf(check);
  const fix = 'renew it; the server reads it again by itself';
  let read: X509Certificate;
  try {
    read = new X509Certificate(readFileSync(file)); // the first of a chain is our own
  } catch {
    return problem(`${file} holds no PEM certificate`, 'name the file of the certificate chain');
  }
  const days = daysUntil(new Date(read.validTo), now);
  if (new Date(read.validFrom) > now) return problem(`is valid only from ${read.validFrom}`, fix);
  if (days < 0) return problem(`has ended on ${read.validTo}`, fix);
  const bare = host?.replace(/^\[|\]$/g, '');
  const isFor = bare === undefined || (isIP(bare) ? read.checkIP(bare) : read.checkHost(bare)) !== undefined;
  if (!isFor) return problem(`is not for ${bare}, the host of PUBLIC_URL`, 'get one that names it');
  return days < SOON_DAYS ? warning(`ends in ${days} days`, fix) : ok(`ends in ${days} days`);
}
