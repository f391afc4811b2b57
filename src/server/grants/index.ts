/** Users connect their accounts at other APIs. Nothing of this folder is reached unless `main.ts` names `grants`. */
import type { RequestHandler } from 'express';
import { type Caller, callerKey } from '../identity/caller.js';
import { ToolError, UrlRequired } from '../mcp/definitions/errors.js';
import type { Grants } from '../mcp/definitions/grants.js';
import type { Stores } from '../stores/types.js';
import { authorizationServer } from './authorization-server.js';
import { connectPages, type Flow, PATHS } from './connect-pages.js';
import { grantedTokens } from './granted-tokens.js';
import { type GrantOptions, requireSafeOptions } from './options.js';
import { sealedRecords } from './sealed-records.js';

/** A link lasts this long at least, twice as long at most; meanwhile a caller gets the same one again. */
const LINK_MS = 15 * 60_000;

export interface GrantParts extends Pick<Stores, 'keptValues' | 'usedOnce'> {
  readonly publicUrl: URL;
  /** `STATE_KEYS` */
  readonly keys: readonly Uint8Array[];
}

export interface OpenGrants {
  readonly paths: readonly string[];
  readonly pages: RequestHandler;
  of(caller: Caller): Grants;
}

/** @throws {TypeError} for options that are not safe */
export function openGrants(options: GrantOptions, parts: GrantParts): OpenGrants {
  requireSafeOptions(options);
  const { publicUrl, keptValues, usedOnce, keys } = parts;
  const flows = sealedRecords<Flow>('flow', keys, keptValues);
  const tokens = grantedTokens(sealedRecords('grant', keys, keptValues), usedOnce);
  const here = (path: string) => new URL(path, publicUrl.origin).href;
  const signIn = authorizationServer({
    ...options.signIn,
    redirectUri: here(PATHS.signedIn),
    scope: 'openid',
  });
  const apis = new Map(
    Object.entries(options.apis).map(([name, { authorizationUrl, tokenUrl, ...client }]) => {
      const endpoints = { authorization_endpoint: authorizationUrl, token_endpoint: tokenUrl };
      return [name, authorizationServer({ ...client, redirectUri: here(PATHS.callback), endpoints })];
    }),
  );
  const find = (api: string) => {
    const server = apis.get(api);
    if (!server) throw new TypeError(`grants: main.ts names no API "${api}"`);
    return server;
  };

  /** The link of this caller. The same for a while: a question that is asked again must be the same question. */
  async function linkFor(owner: string, api: string): Promise<string> {
    const period = Math.floor(Date.now() / LINK_MS);
    const id = flows.nameFor(JSON.stringify(['link', owner, api, period]));
    await flows.add(id, { owner, api }, LINK_MS * 2);
    return here(`${PATHS.connect}?flow=${id}`);
  }

  return {
    paths: Object.values(PATHS),
    pages: connectPages({ flows, publicUrl, signIn, apis, keep: tokens.keep }),
    of: (caller) => {
      const owner = callerKey(caller);
      return {
        async token(api) {
          const server = find(api);
          requireUser(caller, options);
          const token = await tokens.token(owner, api, server);
          if (token !== undefined) return token;
          throw new UrlRequired(`Connect your account: ${api}`, await linkFor(owner, api));
        },
        async withdraw(api) {
          find(api);
          await tokens.withdraw(owner, api);
        },
      };
    },
  };
}

/** Only who signs in where the caller's token came from can prove to be that caller. */
function requireUser({ method, issuer }: Caller, { signIn }: GrantOptions): void {
  if (method !== 'jwt' || issuer !== signIn.issuer)
    throw new ToolError('Sign in with your account: this caller is no user who could connect one');
}
