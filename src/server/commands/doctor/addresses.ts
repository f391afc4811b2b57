/** Whether the host, the origins and the proxies of the configuration fit together. */
import { isLoopback } from '../../exact-names.js';
import { type Check, findingsOf } from './finding.js';

export const checkHost: Check = ({ PUBLIC_URL: { host }, ALLOWED_HOSTS }) => {
  const { ok, problem } = findingsOf('host');
  if (ALLOWED_HOSTS.includes(host)) return ok(`${host} is allowed`);
  return problem(
    `clients of PUBLIC_URL send Host: ${host}, which the server refuses`,
    `add ${host} to ALLOWED_HOSTS`,
  );
};

export const checkOrigins: Check = ({ PUBLIC_URL, ALLOWED_ORIGINS }) => {
  const { ok, warning, problem } = findingsOf('origins');
  const isBlocking = PUBLIC_URL.protocol === 'http:' && !isLoopback(PUBLIC_URL.hostname);
  const findings = ALLOWED_ORIGINS.flatMap((origin) => {
    if (origin.startsWith('https:')) {
      if (!isBlocking) return [];
      const blocked = `a page of ${origin} may not call ${PUBLIC_URL.origin}: browsers block http from https`;
      return problem(blocked, 'serve PUBLIC_URL by https');
    }
    if (isLoopback(new URL(origin).hostname)) return [];
    return warning(
      `an attacker on the network can alter a page of ${origin} and make calls as its user`,
      'serve that page by https, and allow its https origin instead',
    );
  });
  if (findings.length > 0 || ALLOWED_ORIGINS.length === 0) return findings;
  return ok(`${ALLOWED_ORIGINS.length} allowed`);
};

/** When PUBLIC_URL is https but we have no certificate, a proxy must end TLS: every request comes from its address. */
export const checkProxies: Check = ({ PUBLIC_URL, TLS_CERT_FILE, TRUSTED_PROXIES }) => {
  const { ok, warning } = findingsOf('proxies');
  if (TRUSTED_PROXIES.length > 0) return ok(`${TRUSTED_PROXIES.length} trusted`);
  if (PUBLIC_URL.protocol !== 'https:' || TLS_CERT_FILE !== undefined) return [];
  return warning(
    'PUBLIC_URL is https and this process has no certificate, so a proxy must end TLS. None is trusted: all ' +
      'callers share its address and one rate limit',
    'list the CIDRs that the proxy connects from in TRUSTED_PROXIES',
  );
};
