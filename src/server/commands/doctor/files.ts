/** Whether the files that the configuration names are usable, and when they expire. */
import { X509Certificate } from 'node:crypto';
import { constants, existsSync, readFileSync, statSync } from 'node:fs';
import { access, open, statfs } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { parseApiKeyFile } from '../../identity/api-key-entry.js';
import { parseDenylist } from '../../identity/denylist.js';
import { type Check, daysUntil, type Finding, findingsOf, SOON_DAYS } from './finding.js';

/** The flags by which the server opens an existing file: a FIFO without a reader is an error. */
const EXISTING = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK;
const LOW_DISK_BYTES = 100 * 1024 * 1024;

export const checkAudit: Check = ({ AUDIT_SINKS, AUDIT_CHECKPOINT_SINK: checkpoints }) =>
  Promise.all([
    ...AUDIT_SINKS.flatMap((sink) => (sink.kind === 'file' ? [checkSink(sink.path, REFUSED)] : [])),
    ...(checkpoints?.kind === 'file' ? [checkSink(checkpoints.path, 'no checkpoint would be signed')] : []),
  ]);

const REFUSED = 'every request would be refused';

/** Creates no file: if this user is not the server's, the server could not write to it. */
async function checkSink(path: string, effect: string): Promise<Finding> {
  const { ok, warning, problem } = findingsOf('audit');
  const tried = existsSync(path) ? path : dirname(path);
  try {
    if (tried === path) await (await open(path, EXISTING)).close();
    else await access(`${tried}/.`, constants.W_OK | constants.X_OK);
  } catch (error) {
    return problem(
      `${effect}: ${(error as Error).message}`,
      `make ${tried} writable for the user that runs the server, or name another file`,
    );
  }
  const { bavail, bsize } = await statfs(tried);
  if (bavail * bsize > LOW_DISK_BYTES) return ok(`${path} is writable`);
  return warning(
    `the disk of ${path} has less than 100 MB left; once it is full, ${effect}`,
    'free some space, or rotate the file (SIGHUP)',
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
    return [
      active.length > 0
        ? ok(`${active.length} active`)
        : warning('no key is active, so nobody can call with one', MAKE_KEY),
      ...(isWritableByOthers(file)
        ? [problem(`other users can write ${file} and so add keys of their own`, `chmod 600 ${file}`)]
        : []),
      ...active
        .filter(({ days }) => days < SOON_DAYS)
        .map(({ id, days }) =>
          warning(`${id} expires in ${days} days`, `${MAKE_KEY}; then give it to the caller`),
        ),
    ];
  } catch (error) {
    return problem((error as Error).message, `repair the file, or ${MAKE_KEY}`);
  }
};

export const checkDenylist: Check = ({ DENYLIST_FILE: file }) => {
  if (file === undefined) return [];
  const { ok, problem } = findingsOf('denylist');
  try {
    parseDenylist(readFileSync(file, 'utf8'));
  } catch (error) {
    return problem((error as Error).message, 'repair the file: until then nobody can call');
  }
  if (!isWritableByOthers(file)) return ok(`${file} can be read`);
  return problem(`other users can write ${file} and so let a denied caller in`, `chmod 600 ${file}`);
};

function isWritableByOthers(file: string): boolean {
  return process.platform !== 'win32' && (statSync(file).mode & 0o022) !== 0;
}

export const checkCertificates: Check = ({ TLS_CERT_FILE, REDIS_CA_FILE, PUBLIC_URL }, now) => [
  ...(TLS_CERT_FILE ? [checkCertificate('TLS certificate', TLS_CERT_FILE, now, PUBLIC_URL.hostname)] : []),
  ...(REDIS_CA_FILE ? [checkCertificate('Redis CA', REDIS_CA_FILE, now)] : []),
];

function checkCertificate(check: string, file: string, now: Date, host?: string): Finding {
  const { ok, warning, problem } = findingsOf(check);
  const fix = 'renew it; the server notices the new file by itself';
  let read: X509Certificate;
  try {
    read = new X509Certificate(readFileSync(file)); // of a chain, the first: our own
  } catch {
    return problem(`${file} holds no PEM certificate`, 'name the file of the certificate chain');
  }
  const days = daysUntil(new Date(read.validTo), now);
  if (new Date(read.validFrom) > now) return problem(`is not valid before ${read.validFrom}`, fix);
  if (days < 0) return problem(`expired on ${read.validTo}`, fix);
  const bare = host?.replace(/^\[|\]$/g, '');
  const isFor = bare === undefined || (isIP(bare) ? read.checkIP(bare) : read.checkHost(bare)) !== undefined;
  if (!isFor) return problem(`does not name ${bare}, the host of PUBLIC_URL`, 'get one that does');
  return days < SOON_DAYS ? warning(`expires in ${days} days`, fix) : ok(`expires in ${days} days`);
}
