/** The steps of a verification, the reasons that end each (as in the audit), and what an operator does about them. */
import type { Config } from '../config/index.js';

type Steps = readonly (readonly [step: string, reasons: readonly string[]])[];

const CLAIMS = ['issuer', 'audience', 'exp', 'expired', 'nbf', 'iat', 'time', 'type', 'sub'];
const KIND = ['kind', ['kind_not_accepted', 'malformed', 'bad_checksum']] as const;

/** In the order of the verifiers. */
export const STEPS: Readonly<Record<'jwt' | 'introspection' | 'api-key', Steps>> = {
  jwt: [
    KIND,
    ['header', ['embedded_key', 'extension', 'type']],
    ['issuer', ['issuer']],
    ['algorithm', ['algorithm']],
    ['key', ['unknown_key', 'issuer_unavailable']],
    ['signature', ['signature']],
    ['claims', CLAIMS],
  ],
  introspection: [KIND, ['answer of its issuer', ['issuer_unavailable', 'inactive']], ['claims', CLAIMS]],
  'api-key': [
    KIND,
    ['entry in API_KEYS_FILE', ['unknown_key', 'wrong_secret', 'store_unavailable']],
    ['validity', ['revoked', 'expired', 'rotated']],
  ],
};

type Say = (config: Config) => string;
const accepted = (names: readonly string[]) => names.join(', ') || 'none';

export const REASONS: Readonly<Record<string, Say>> = {
  kind_not_accepted: ({ AUTH }) =>
    `AUTH accepts ${accepted(AUTH)}. An opaque token needs introspection, a JWT needs jwt, an API key api-key`,
  malformed: () => 'it is cut off, or has characters that a credential cannot have: copy it again',
  bad_checksum: () => 'the key has a typing error: copy it again',
  embedded_key: () => 'it brings its own key, which an attacker could do',
  extension: () => 'its header has crit or b64, and the server supports no extension',
  type: () => 'it is no access token: an ID token, a refresh token or another kind',
  issuer: ({ JWT_ISSUERS, INTROSPECTION_ISSUER: asked }) =>
    `expected is, letter by letter: ${accepted([...JWT_ISSUERS, ...(asked ? [asked] : [])])}`,
  algorithm: ({ JWT_ALGORITHMS }) => `JWT_ALGORITHMS accepts ${accepted(JWT_ALGORITHMS)}`,
  unknown_key: () =>
    'its key is not among those of the issuer, or of API_KEYS_FILE: another tenant, or withdrawn',
  issuer_unavailable: () =>
    'nobody can tell: the issuer cannot be reached or understood (503). npm run doctor',
  store_unavailable: () => 'nobody can tell: a file cannot be read (503). npm run doctor',
  signature: () => 'it was changed, or somebody else signed it',
  audience: ({ JWT_AUDIENCE }) => `aud must contain one of ${accepted(JWT_AUDIENCE)}: JWT_AUDIENCE`,
  exp: () => 'it has no exp, or none that is a number',
  expired: () => 'its time is over: get a new one',
  nbf: () => 'it is not valid yet: compare the clocks',
  iat: () => 'it was issued at no sensible time: compare the clocks',
  time: () => 'exp, nbf or iat is no whole number of seconds',
  sub: () => 'it names no subject: let the issuer put the id of the user or of the program into sub',
  inactive: () => 'its issuer does not know it, or no longer: expired, revoked or of another issuer',
  wrong_secret: () => 'the id is known, the secret is another: rotated, or a typing error',
  revoked: () => 'npm run key -- revoke has ended it',
  rotated: () => 'npm run key -- rotate has replaced it, and the overlap is over',
  denied: () => 'DENYLIST_FILE names it, its subject or its client',
};
