/** Whether the issuer of opaque tokens answers this server: it is asked about a token that nobody issued. */
import { randomUUID } from 'node:crypto';
import { describe } from '../../identity/fetch-keys.js';
import { openEndpoint } from '../../open-verifiers.js';
import { type Check, findingsOf } from './finding.js';

const TIMEOUT_MS = 5000;

export const checkIntrospection: Check = async (config) => {
  if (!config.AUTH.includes('introspection')) return [];
  const { ok, problem } = findingsOf('introspection');
  try {
    const ask = await openEndpoint(config);
    const { active } = await ask(`doctor-${randomUUID()}`, AbortSignal.timeout(TIMEOUT_MS));
    if (active === false) return ok('answers, and knows no token that nobody issued');
    return problem('calls a token good that nobody issued', 'correct INTROSPECTION_URL');
  } catch (error) {
    const fix =
      'compare INTROSPECTION_URL with `introspection_endpoint` in the metadata of the issuer, and the client with what it is ' +
      'registered as; make sure this host can reach it (DNS, firewall, NetworkPolicy, NODE_EXTRA_CA_CERTS)';
    return problem(describe(error), fix);
  }
};
