/** Says why this configuration accepts or refuses a token: `npm run token -- inspect`. The token comes on stdin and is never printed. */
import { text } from 'node:stream/consumers';
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_USAGE } from '../command-line.js';
import { type Config, ConfigError, loadConfig } from '../config/index.js';
import { looksLikeApiKey } from '../identity/api-key-format.js';
import type { Caller } from '../identity/caller.js';
import { readCredential } from '../identity/credential.js';
import type { ServerDefinition } from '../mcp/server-definition.js';
import { openVerifiers } from '../open-verifiers.js';
import { RefusedRequest } from '../refusal.js';
import { servedTools } from '../served-tools.js';
import { REASONS, STEPS } from './token-reasons.js';

const HELP = `Usage: npm run token -- inspect < FILE, or node dist/token.js inspect < FILE after a build

Reads one token (or API key) from stdin, verifies it as the server with this environment would, and says step by step why it is
accepted or refused. It is never printed, and no tool runs. An opaque token is sent to INTROSPECTION_URL, and nowhere else.

Exit code: 0 accepted, 1 refused, 78 for a bad configuration, 64 for a wrong argument.
`;

type Definition = Pick<ServerDefinition, 'settings' | 'tools'>;
type Kind = 'jwt' | 'introspection' | 'api-key';

interface Inspection {
  readonly isAccepted: boolean;
  readonly lines: readonly string[];
}

const NAMES = { jwt: 'a JWT', introspection: 'an opaque token', 'api-key': 'an API key' } as const;

export async function inspectToken({ settings, tools }: Definition, token: string, env: NodeJS.ProcessEnv) {
  const config = loadConfig(env, settings);
  const kind = kindOf(token);
  const problems: string[] = [];
  const warn = (facts: { readonly problem?: string }, message: string) =>
    problems.push(`${message}: ${facts.problem ?? ''}`);
  const { verifiers } = await openVerifiers(config, [], { warn });
  const seen = [`it is ${NAMES[kind]}`, ...(kind === 'jwt' ? claimsOf(token) : [])];
  try {
    const credential = readCredential({ rawHeaders: ['Authorization', `Bearer ${token}`] });
    const verifier = verifiers.find((each) => each.accepts(credential));
    if (!verifier) return refused(seen, kind, 'kind_not_accepted', config);
    const caller = await verifier.verify(credential);
    return accepted([...seen, ...STEPS[kind].map(([step]) => `ok: ${step}`)], caller, config, tools);
  } catch (error) {
    if (!(error instanceof RefusedRequest)) throw error;
    const why = error.options.detail?.['reason'];
    const reason = error.status === 401 && typeof why === 'string' ? why : error.code;
    return refused([...seen, ...problems], kind, reason, config);
  } finally {
    for (const verifier of verifiers) verifier.close();
  }
}

function kindOf(token: string): Kind {
  if (looksLikeApiKey(token)) return 'api-key';
  return [3, 5].includes(token.split('.').length) ? 'jwt' : 'introspection';
}

/** What it says of itself, as JSON: a claim must not write escape sequences to the terminal. */
function claimsOf(token: string): readonly string[] {
  try {
    const { alg, kid, typ } = decodeProtectedHeader(token);
    const { iss, aud, exp, nbf, sub }: JWTPayload = decodeJwt(token);
    const shown = { alg, kid, typ, iss, aud, exp: timeOf(exp), nbf: timeOf(nbf), sub };
    return [`it says of itself ${JSON.stringify(shown)}`];
  } catch {
    return ['it cannot be decoded'];
  }
}

const timeOf = (seconds: unknown) =>
  Number.isSafeInteger(seconds) && Math.abs(Number(seconds)) < 8e12
    ? new Date(Number(seconds) * 1000).toISOString()
    : seconds;

function refused(seen: readonly string[], kind: Kind, reason: string, config: Config): Inspection {
  const steps = STEPS[kind];
  const at = steps.findIndex(([, reasons]) => reasons.includes(reason));
  const why = REASONS[reason]?.(config) ?? `the audit would say ${reason}`;
  const passed = steps.slice(0, Math.max(at, 0)).map(([step]) => `ok: ${step}`);
  const step = steps[at]?.[0] ?? 'the credential';
  return { isAccepted: false, lines: [...seen, ...passed, `REFUSED at ${step} (${reason}): ${why}`] };
}

/** What a proven caller may do; a bound token alone is not enough. */
function accepted(
  lines: readonly string[],
  caller: Caller,
  config: Config,
  tools: Definition['tools'],
): Inspection {
  const { issuer, subject, clientId, scopes, boundTo } = caller;
  const who = `ACCEPTED as ${JSON.stringify({ issuer, subject, clientId, scopes })}`;
  const isBound = boundTo !== undefined;
  if (isBound && config.DPOP === 'off') {
    const why = 'it is bound to a key (cnf), and nothing here checks proofs: set DPOP=accept';
    return { isAccepted: false, lines: [...lines, `REFUSED at possession (dpop_off): ${why}`] };
  }
  if (!isBound && config.DPOP === 'require' && caller.method !== 'api-key') {
    const why = 'DPOP=require takes only tokens that are bound to a key, and this one has no cnf.jkt';
    return { isAccepted: false, lines: [...lines, `REFUSED at possession (dpop_token_not_bound): ${why}`] };
  }
  const perTool = servedTools(tools ?? [], config).map(({ name, scopes: own }) => {
    const missing = [...config.REQUIRED_SCOPES, ...own].filter((scope) => !scopes.includes(scope));
    return missing.length === 0 ? `may call ${name}` : `403 for ${name}: lacks ${missing.join(' ')}`;
  });
  const proof = isBound ? ['only with Authorization: DPoP and a proof of its key in each request'] : [];
  return { isAccepted: true, lines: [...lines, who, ...proof, ...perTool] };
}

export async function runToken(definition: Definition): Promise<void> {
  const [command, ...rest] = process.argv.slice(2);
  if (command === '--help') return void process.stdout.write(HELP);
  if (command !== 'inspect' || rest.length > 0) {
    process.stderr.write(`The only command is inspect; the token comes on stdin.\n\n${HELP}`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  try {
    const token = (await text(process.stdin)).trim();
    const { isAccepted, lines } = await inspectToken(definition, token, process.env);
    process.stdout.write(`${lines.join('\n')}\n`);
    process.exitCode = isAccepted ? 0 : EXIT_FAILURE;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = error instanceof ConfigError ? EXIT_CONFIG : EXIT_FAILURE;
  }
}
