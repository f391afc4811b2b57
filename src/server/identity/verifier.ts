import { RefusedRequest } from '../refusal.js';
import type { Caller } from './caller.js';

/** Proves one kind of credential. */
export interface Verifier {
  readonly kind: 'jwt' | 'api-key';
  /** Whether the credential is of this verifier's kind, by its form alone. */
  accepts(credential: string): boolean;
  /**
   * @throws {RefusedRequest} `credentials_invalid`, or a 503 when nobody can tell now: an outage must not look like a
   * bad credential, or every client would throw its good one away.
   */
  verify(credential: string): Promise<Caller>;
  close(): void;
}

/** Where verifiers report what the operator should know; pino's logger fits. */
export interface IdentityLog {
  warn(facts: object, message: string): void;
}

/** One public answer for every reason, so that a guess teaches nothing; the reason is for the audit. */
export function credentialsInvalid(
  reason: string,
  facts: Readonly<Record<string, unknown>> = {},
): RefusedRequest {
  return new RefusedRequest('credentials_invalid', { detail: { reason, ...facts } });
}
