import { RefusedRequest } from '../refusal.js';
import type { Caller } from './caller.js';

/** Whether somebody took a caller's credential back. Time alone does that to none: see `Caller.expiresAt`. */
export type IsWithdrawn = (caller: Caller) => boolean;

/** Proves one kind of credential. */
export interface Verifier {
  readonly kind: 'jwt' | 'introspection' | 'api-key';
  /** Whether a credential looks like this verifier's kind. */
  accepts(credential: string): boolean;
  /**
   * @throws {RefusedRequest} `credentials_invalid`, or a 503 when an outage prevents the check: clients throw away a
   * credential that seems bad.
   */
  verify(credential: string): Promise<Caller>;
  /** Who is withdrawn now, where that can be told without the credential. Rejects while it cannot be told. */
  readonly withdrawn?: () => Promise<IsWithdrawn>;
  close(): void;
}

/** Where verifiers report what the operator should know, such as a pino logger. */
export interface IdentityLog {
  warn(facts: object, message: string): void;
}

/** Every reason has the same public answer, so that a guess reveals nothing. Only the audit gets the reason. */
export function credentialsInvalid(
  reason: string,
  facts: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): RefusedRequest {
  return new RefusedRequest('credentials_invalid', { detail: { reason, ...facts }, headers });
}
