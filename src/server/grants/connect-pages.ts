/**
 * How a user grants something, in their browser:
 *
 *   connect     the link that a call gave to its caller → to the sign-in
 *   signed-in   the visitor must be that caller → to the API's authorization server
 *   callback    the same browser comes back with the code of the API → the grant is kept
 *
 * Whoever gets somebody else's link is refused at `signed-in`; whoever gets a URL of a later step has not the cookie of the
 * browser that signed in (MCP 2025-11-25, elicitation, phishing).
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { reasonOf } from '../helpers/token-endpoint.js';
import { RefusedRequest } from '../refusal.js';
import type { AuthorizationServer, Grant, Trip } from './authorization-server.js';
import type { SealedRecords } from './sealed-records.js';

export const PATHS = {
  connect: '/grants/connect',
  signedIn: '/grants/signed-in',
  callback: '/grants/callback',
};

/** How long a user has for one step. */
const STEP_MS = 15 * 60_000;

/** What a link is good for, and how far its user has come. */
export interface Flow {
  /** `callerKey` of the caller who was given the link. */
  readonly owner: string;
  readonly api: string;
  readonly step?: Trip & {
    readonly to: 'sign-in' | 'api';
    /** SHA-256 of the cookie. */
    readonly browser: string;
  };
}

export interface ConnectPagesOptions {
  readonly flows: SealedRecords<Flow>;
  readonly publicUrl: URL;
  readonly signIn: AuthorizationServer;
  readonly apis: ReadonlyMap<string, AuthorizationServer>;
  readonly keep: (owner: string, api: string, grant: Grant) => Promise<void>;
}

export function connectPages({ flows, publicUrl, signIn, apis, keep }: ConnectPagesOptions) {
  const isSecure = publicUrl.protocol === 'https:';

  /** Sends the browser on; only it can come back. @throws {RefusedRequest} `issuer_unavailable` */
  async function sendOn(res: Response, id: string, flow: Flow, to: 'sign-in' | 'api'): Promise<void> {
    const server = to === 'api' ? apis.get(flow.api) : signIn;
    if (!server) return tell(res, 404, OVER); // the API is not in the configuration any more
    const browser = random();
    const nonce = to === 'sign-in' && { nonce: random() };
    const trip = { state: `${id}.${random()}`, verifier: random(), ...nonce };
    const url = await server.urlFor(trip).catch(() => {
      throw new RefusedRequest('issuer_unavailable', { headers: { 'Retry-After': '5' } });
    });
    await flows.set(id, { ...flow, step: { ...trip, to, browser: hash(browser) } }, STEP_MS);
    setCookie(res, id, browser);
    res.status(303).set('Location', url.href).end();
  }

  function setCookie(res: Response, id: string, value: string): void {
    const life = value === '' ? 0 : STEP_MS / 1000;
    const rest = `Path=/; Max-Age=${life}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
    res.set('Set-Cookie', `${cookieName(id, isSecure)}=${value}; ${rest}`);
  }

  /** The flow that a browser comes back with. Taken: a second time it is not there. */
  async function comeBack(req: Request, query: URLSearchParams, to: 'sign-in' | 'api') {
    const [, id = ''] = /^([\w-]{43})\.[\w-]{43}$/.exec(query.get('state') ?? '') ?? [];
    const flow = id === '' ? undefined : await flows.take(id);
    const step = flow?.step;
    const isTheirs = step?.browser === hash(cookieOf(req, cookieName(id, isSecure)));
    return flow && step?.to === to && isTheirs ? { id, flow, step } : undefined;
  }

  async function redeem(req: Request, server: AuthorizationServer, query: URLSearchParams, step: Trip) {
    try {
      return await server.redeem(query, step);
    } catch (error) {
      req.audit.note({ detail: { grant: reasonOf(error) } });
      return undefined;
    }
  }

  async function connect(_req: Request, res: Response, query: URLSearchParams): Promise<void> {
    const id = query.get('flow') ?? '';
    const flow = /^[\w-]{43}$/.test(id) ? await flows.get(id) : undefined;
    if (!flow) return tell(res, 404, OVER);
    await sendOn(res, id, flow, 'sign-in');
  }

  async function signedIn(req: Request, res: Response, query: URLSearchParams): Promise<void> {
    const back = await comeBack(req, query, 'sign-in');
    if (!back) return tell(res, 400, OVER);
    const { user } = (await redeem(req, signIn, query, back.step)) ?? {};
    if (!user) return tell(res, 400, FAILED);
    if (JSON.stringify([user.iss, user.sub]) !== back.flow.owner) {
      req.audit.note({ detail: { grant: 'another user' } });
      return tell(res, 403, ANOTHER);
    }
    await sendOn(res, back.id, back.flow, 'api');
  }

  async function callback(req: Request, res: Response, query: URLSearchParams): Promise<void> {
    const back = await comeBack(req, query, 'api');
    const server = back && apis.get(back.flow.api);
    if (!server) return tell(res, 400, OVER);
    const { grant } = (await redeem(req, server, query, back.step)) ?? {};
    setCookie(res, back.id, '');
    if (!grant) return tell(res, 400, FAILED);
    const { owner, api } = back.flow;
    await keep(owner, api, grant);
    const [issuer = '', subject = ''] = JSON.parse(owner) as string[];
    req.audit.note({
      caller: { issuer, subject, method: 'jwt', scopes: [] },
      detail: { grant: 'connected', api },
    });
    tell(res, 200, `Connected: ${api}. You can close this page and call the tool again.`);
  }

  const pages = { [PATHS.connect]: connect, [PATHS.signedIn]: signedIn, [PATHS.callback]: callback };
  const handle: RequestHandler = async function grantPages(req, res) {
    const { pathname, searchParams } = new URL(req.originalUrl, publicUrl.origin);
    await pages[pathname]?.(req, res, searchParams);
  };
  return handle;
}

const OVER = 'This link is not valid any more. Call the tool again to get a new one.';
const FAILED = 'Nothing was connected. Call the tool again to get a new link.';
const ANOTHER =
  'You are signed in as somebody else than the user who was given this link, so nothing was connected. ' +
  'Did somebody send it to you? Then tell your administrator.';

/** Plain text: nothing of a request can become markup. */
function tell(res: Response, status: number, text: string): void {
  res.status(status).type('text/plain').send(`${text}\n`);
}

/** With this prefix a browser takes it from this host alone, over TLS (RFC 6265bis §4.1.3). */
function cookieName(id: string, isSecure: boolean): string {
  return `${isSecure ? '__Host-' : ''}grant-${id}`;
}

function cookieOf(req: Request, name: string): string {
  const pairs = (req.headers.cookie ?? '').split('; ');
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}

const random = () => randomBytes(32).toString('base64url');
const hash = (text: string) => createHash('sha256').update(text).digest('base64url');
