/** Whether the names by which callers reach the server fit together. */
import { isLoopback } from '../../exact-names.js';
import { type Check, type Finding, ok, problem, warning } from './finding.js';

export const checkHost: Check = ({ PUBLIC_URL, ALLOWED_HOSTS }) => {
  if (ALLOWED_HOSTS.includes(PUBLIC_URL.host)) return [ok('host', `${PUBLIC_URL.host} is allowed`)];
  return [
    problem(
      'host',
      `clients of PUBLIC_URL send Host: ${PUBLIC_URL.host}, which is refused`,
      `add ${PUBLIC_URL.host} to ALLOWED_HOSTS`,
    ),
  ];
};

export const checkOrigins: Check = ({ PUBLIC_URL, ALLOWED_ORIGINS }) => {
  const blocked = ALLOWED_ORIGINS.filter((origin) => PUBLIC_URL.protocol === 'http:' && isSecure(origin));
  const open = ALLOWED_ORIGINS.filter((origin) => !isSecure(origin) && !isLoopback(new URL(origin).hostname));
  const findings: Finding[] = [
    ...(isLoopback(PUBLIC_URL.hostname) ? [] : blocked).map((origin) =>
      problem(
        'origins',
        `a page of ${origin} may not call ${PUBLIC_URL.origin}: browsers block http from https`,
        'serve PUBLIC_URL by https',
      ),
    ),
    ...open.map((origin) =>
      warning(
        'origins',
        `who is on the way can change a page of ${origin}, and call as its user`,
        'serve that page by https, and allow its https origin instead',
      ),
    ),
  ];
  if (findings.length > 0 || ALLOWED_ORIGINS.length === 0) return findings;
  return [ok('origins', `${ALLOWED_ORIGINS.length} allowed`)];
};

const isSecure = (origin: string) => origin.startsWith('https:');

/** https without a certificate of ours: something in front of us has it, and its address is that of all callers. */
export const checkProxies: Check = ({ PUBLIC_URL, TLS_CERT_FILE, TRUSTED_PROXIES }) => {
  const isBehindProxy = PUBLIC_URL.protocol === 'https:' && TLS_CERT_FILE === undefined;
  if (isBehindProxy && TRUSTED_PROXIES.length === 0) {
    return [
      warning(
        'proxies',
        'PUBLIC_URL is https and this process has no certificate, so a proxy ends TLS; as none is trusted, all ' +
          'callers share its address, and one rate limit',
        'list the CIDRs that the proxy connects from in TRUSTED_PROXIES',
      ),
    ];
  }
  return TRUSTED_PROXIES.length > 0 ? [ok('proxies', `${TRUSTED_PROXIES.length} trusted`)] : [];
};
