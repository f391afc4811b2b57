/** What an operator can do about each reason for which Redis refuses the server. */
const FIXES: readonly (readonly [RegExp, string])[] = [
  [/WRONGPASS|NOAUTH/, 'correct the user and the password in REDIS_URL'],
  [/NOPERM/, 'give its user the rights that src/server/stores/README.md lists'],
  [/MOVED|CROSSSLOT/, 'it is a Redis Cluster: set REDIS_MODE=cluster'],
  [
    /certificate|self.signed|CERT_/i,
    'name the authority of its certificate in REDIS_CA_FILE, and in REDIS_URL a host that the certificate names',
  ],
  [/OOM|READONLY/, 'use a primary with memory left'],
];

export const UNREACHABLE_FIX =
  'check the host and port of REDIS_URL, whether that port speaks TLS (rediss://) or not (redis://), and the way to it (DNS, firewall, NetworkPolicy)';

/** What to do about an error; `undefined` for one that may pass by itself. */
export function fixFor(error: unknown): string | undefined {
  const { code = '', message, cause } = error as NodeJS.ErrnoException;
  const text = `${code} ${message} ${cause instanceof Error ? cause.message : ''}`;
  return FIXES.find(([pattern]) => pattern.test(text))?.[1];
}
