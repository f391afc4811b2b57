/** Whether each issuer's keys can be fetched and fit JWT_ALGORITHMS, and whether its clock agrees with ours. */
import { describe, fetchKeySet } from '../../identity/fetch-keys.js';
import { type Check, type Finding, findingsOf } from './finding.js';

const TIMEOUT_MS = 5000;

/** Makes the findings about one issuer. */
type Say = ReturnType<typeof findingsOf>;

export const checkIssuers: Check = async (config) => {
  if (!config.AUTH.includes('jwt')) return [];
  return (await Promise.all(config.JWT_ISSUERS.map((issuer) => checkIssuer(issuer, config)))).flat();
};

async function checkIssuer(
  issuer: string,
  { JWT_JWKS_URL, JWT_ALGORITHMS, JWT_CLOCK_TOLERANCE_S }: Parameters<Check>[0],
): Promise<readonly Finding[]> {
  const say = findingsOf(`issuer ${issuer}`);
  try {
    const { keys } = await fetchKeySet(issuer, JWT_JWKS_URL, AbortSignal.timeout(TIMEOUT_MS));
    return [
      keysFinding(say, keys, JWT_ALGORITHMS),
      ...(await clockFinding(say, issuer, JWT_CLOCK_TOLERANCE_S)),
    ];
  } catch (error) {
    const fix =
      'compare JWT_ISSUERS with the issuer that its metadata names, letter by letter; make sure this host can reach it ' +
      '(DNS, firewall, NetworkPolicy, NODE_EXTRA_CA_CERTS); or give the URL of its keys in JWT_JWKS_URL';
    return [say.problem(`its keys cannot be fetched: ${describe(error)}`, fix)];
  }
}

/** Kinds of keys that an algorithm needs (RFC 7518 §6.1, RFC 8037 §2). */
const KIND: Readonly<Record<string, string>> = { ES: 'EC', Ed: 'OKP', PS: 'RSA', RS: 'RSA' };

function keysFinding(
  { ok, problem }: Say,
  keys: readonly { readonly kty?: string; readonly alg?: string; readonly use?: string }[],
  algorithms: readonly string[],
): Finding {
  const isUsable = ({ kty, alg, use }: (typeof keys)[number]) =>
    use !== 'enc' &&
    algorithms.some((one) => (alg === undefined ? KIND[one.slice(0, 2)] === kty : alg === one));
  const usable = keys.filter(isUsable).length;
  if (usable > 0) return ok(`reachable, ${usable} of ${keys.length} keys fit JWT_ALGORITHMS`);
  return problem(
    `none of its ${keys.length} keys fits JWT_ALGORITHMS`,
    `add the algorithm it signs with: ${[...new Set(keys.map(({ alg, kty }) => alg ?? kty))].join(', ')}`,
  );
}

/** Reads `Date` from any answer. Its resolution is a second, and the answer was under way for up to `tookMs`. */
async function clockFinding({ ok, warning }: Say, issuer: string, toleranceS: number) {
  const asked = performance.now();
  const response = await fetch(issuer, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
  await response.body?.cancel();
  const date = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(date)) return [];
  const tookMs = performance.now() - asked;
  const ours = Date.now() - tookMs / 2;
  const apartS = Math.max(0, Math.abs(ours - date) - tookMs / 2 - 1000) / 1000;
  if (apartS <= toleranceS) return [ok('its clock agrees with ours')];
  return [
    warning(
      `its clock and ours are ${Math.round(apartS)} s apart: fresh tokens may be refused`,
      'synchronise this machine (NTP); JWT_CLOCK_TOLERANCE_S only hides the difference',
    ),
  ];
}
