import { redactEncoded } from '../observe/redact.js';

/** The path of a request target, without its query; empty for any form but the origin form (RFC 9112 §3.2). */
export function requestPath(target: string): string {
  if (!target.startsWith('/')) return '';
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

const MAX_AUDITED_PATH = 256;

/** The path for the audit, redacted and bounded: it may contain a credential, and an attacker chooses its length. */
export function auditedPath(target: string): string {
  return redactEncoded(requestPath(target)).slice(0, MAX_AUDITED_PATH);
}
