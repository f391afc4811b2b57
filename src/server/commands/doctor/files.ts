/** Whether the files that the configuration names can be used, and for how long. */
import { X509Certificate } from 'node:crypto';
import { constants, existsSync, readFileSync, statSync } from 'node:fs';
import { access, open, statfs } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { parseApiKeyFile } from '../../identity/api-key-entry.js';
import { type Check, daysUntil, type Finding, ok, problem, SOON_DAYS, warning } from './finding.js';

/** As the server opens a file that is there: a FIFO without a reader is an error. */
const EXISTING = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK;
const LOW_DISK_BYTES = 100 * 1024 * 1024;

/** Nothing is created: a file made by another user than the server's would be one that it cannot write. */
export const checkAudit: Check = async ({ AUDIT_SINKS }) => {
  const paths = AUDIT_SINKS.flatMap((sink) => (sink.kind === 'file' ? [sink.path] : []));
  return Promise.all(
    paths.map(async (path): Promise<Finding> => {
      const tried = existsSync(path) ? path : dirname(path);
      try {
        if (tried === path) await (await open(path, EXISTING)).close();
        else await access(`${tried}/.`, constants.W_OK | constants.X_OK);
      } catch (error) {
        return problem(
          'audit',
          `every request would be refused: ${(error as Error).message}`,
          `make ${tried} writable for the user that runs the server, or change AUDIT_SINKS`,
        );
      }
      const { bavail, bsize } = await statfs(tried);
      if (bavail * bsize > LOW_DISK_BYTES) return ok('audit', `${path} is writable`);
      return warning(
        'audit',
        `less than 100 MB are left for ${path}: when it is full, every request is refused`,
        'make room, or rotate the file (SIGHUP)',
      );
    }),
  );
};

const MAKE_KEY = 'make one: npm run key -- create, or node dist/key.js create';

export const checkKeyFile: Check = ({ AUTH, API_KEYS_FILE }, now) => {
  if (!AUTH.includes('api-key') || API_KEYS_FILE === undefined) return [];
  const check = 'API keys';
  try {
    const { keys } = parseApiKeyFile(readFileSync(API_KEYS_FILE, 'utf8'));
    const alive = keys.filter(({ revokedAt }) => revokedAt === undefined);
    const ends = alive.flatMap(({ id, expiresAt }) =>
      expiresAt === undefined ? [] : [{ id, days: daysUntil(new Date(expiresAt), now) }],
    );
    const active = alive.length - ends.filter(({ days }) => days < 0).length;
    const counted =
      active > 0
        ? ok(check, `${active} active`)
        : warning(check, 'none is active: nobody can call by key', MAKE_KEY);
    const ending = ends.filter(({ days }) => days >= 0 && days < SOON_DAYS);
    const readers =
      process.platform !== 'win32' && (statSync(API_KEYS_FILE).mode & 0o022) !== 0
        ? [
            problem(
              check,
              `others may write ${API_KEYS_FILE}, and so make keys of their own`,
              `chmod 600 ${API_KEYS_FILE}`,
            ),
          ]
        : [];
    return [
      counted,
      ...readers,
      ...ending.map(({ id, days }) =>
        warning(check, `${id} ends in ${days} days`, `${MAKE_KEY}; then give its caller the new one`),
      ),
    ];
  } catch (error) {
    return [problem(check, (error as Error).message, `repair the file, or ${MAKE_KEY}`)];
  }
};

export const checkCertificates: Check = ({ TLS_CERT_FILE, REDIS_CA_FILE, PUBLIC_URL }, now) => [
  ...(TLS_CERT_FILE === undefined
    ? []
    : certificate('TLS certificate', TLS_CERT_FILE, now, PUBLIC_URL.hostname)),
  ...(REDIS_CA_FILE === undefined ? [] : certificate('Redis CA', REDIS_CA_FILE, now)),
];

function certificate(check: string, file: string, now: Date, host?: string): readonly Finding[] {
  const fix = 'renew it; the server reads it again by itself';
  let read: X509Certificate;
  try {
    read = new X509Certificate(readFileSync(file)); // the first of a chain is our own
  } catch {
    return [problem(check, `${file} holds no PEM certificate`, 'name the file of the certificate chain')];
  }
  const days = daysUntil(new Date(read.validTo), now);
  if (new Date(read.validFrom) > now) return [problem(check, `is valid only from ${read.validFrom}`, fix)];
  if (days < 0) return [problem(check, `has ended on ${read.validTo}`, fix)];
  const bare = host?.replace(/^\[|\]$/g, '');
  const isFor = bare === undefined || (isIP(bare) ? read.checkIP(bare) : read.checkHost(bare)) !== undefined;
  if (!isFor) return [problem(check, `is not for ${bare}, the host of PUBLIC_URL`, 'get one that names it')];
  return [days < SOON_DAYS ? warning(check, `ends in ${days} days`, fix) : ok(check, `ends in ${days} days`)];
}
