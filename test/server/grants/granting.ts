/** Servers whose tools use grants, with two real authorization servers and a browser: all that a grant needs. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as oauth from 'oauth4webapi';
import { pino } from 'pino';
import { z } from 'zod';
import { loadConfig } from '../../../src/server/config/index.js';
import { defineTool } from '../../../src/server/mcp/definitions/tool.js';
import { openServer, type RunningServer } from '../../../src/server/start.js';
import {
  type AuthorizationServer,
  startAuthorizationServer,
  USER,
} from '../../helpers/authorization-server.js';
import { freePort } from '../../helpers/free-port.js';
import type { Endpoint } from '../../helpers/two-eras.js';

const CLIENT = { client_id: 'this-server', client_secret: 'x'.repeat(32) };
const ASSISTANT = { client_id: 'assistant', redirect_uris: ['http://127.0.0.1:1/back'] };
export const CALENDAR = 'https://calendar.example/api';
export const STATE_KEY = randomBytes(32).toString('base64url');

export interface GrantingOptions {
  readonly replicas: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Of the tokens for the calendar, in seconds. Below half a minute each use renews. */
  readonly tokenLifetimeS?: number;
}

export type Granting = Awaited<ReturnType<typeof startGranting>>;

export async function startGranting({ replicas, env = {}, tokenLifetimeS = 600 }: GrantingOptions) {
  const ports = await Promise.all(Array.from({ length: replicas }, freePort));
  const publicUrl = new URL(env['PUBLIC_URL'] ?? `http://127.0.0.1:${ports[0]}/mcp`);
  /** Who sits before the browser. */
  const visitor = { name: USER };
  const clientOf = (path: string) => ({
    ...CLIENT,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [new URL(path, publicUrl).href],
  });
  const identity = await startAuthorizationServer({
    resource: publicUrl.href,
    scopes: ['calendar'],
    clients: [
      clientOf('/grants/signed-in'),
      { ...ASSISTANT, token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] },
    ],
    user: () => visitor.name,
  });
  const calendar = await startAuthorizationServer({
    resource: CALENDAR,
    scopes: ['events:read'],
    clients: [clientOf('/grants/callback')],
    user: () => `calendar of ${visitor.name}`,
    rotates: true,
    tokenLifetimeS,
  });
  /** The tokens that the tool got. */
  const used: string[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'mcp-grants-'));
  const logged: string[] = [];
  const start = (port: number) =>
    startServer(port, { folder, ports, publicUrl, identity, calendar, used, logged, env });
  const closeOthers = () =>
    Promise.all([identity.close(), calendar.close(), rm(folder, { recursive: true })]);
  const servers = await Promise.all(ports.map(start)).catch(async (error: unknown) => {
    await closeOthers();
    throw error;
  });
  const [first] = servers as [RunningServer];
  for (const { adminUrl } of servers)
    while ((await fetch(new URL('/readyz', adminUrl))).status !== 200) await setTimeout(20); // Redis has not answered yet

  return {
    identity,
    calendar,
    visitor,
    used,
    servers,
    publicUrl,
    browser: () => browser(publicUrl, ports),
    /** A token of this user for this server. */
    async caller(name = USER, server = first): Promise<Endpoint> {
      const before = visitor.name;
      visitor.name = name;
      const key = await tokenOf(identity);
      visitor.name = before;
      return { url: server.url, key };
    },
    /** Whatever an operator may read. */
    async written(): Promise<string> {
      const metrics = servers.map(async ({ adminUrl }) =>
        (await fetch(new URL('/metrics', adminUrl))).text(),
      );
      const audits = ports.map((port) => readFile(join(folder, `${port}.log`), 'utf8'));
      return [...logged, ...(await Promise.all([...metrics, ...audits]))].join('\n');
    },
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      await closeOthers();
    },
  };
}

interface Parts {
  readonly folder: string;
  readonly ports: readonly number[];
  readonly publicUrl: URL;
  readonly identity: AuthorizationServer;
  readonly calendar: AuthorizationServer;
  readonly used: string[];
  readonly logged: string[];
  readonly env: NodeJS.ProcessEnv;
}

function startServer(port: number, parts: Parts): Promise<RunningServer> {
  const { identity, calendar } = parts;
  const variables = {
    PORT: String(port),
    ADMIN_PORT: '0',
    AUTH: 'jwt',
    JWT_ISSUERS: identity.issuer,
    PUBLIC_URL: parts.publicUrl.href,
    ALLOWED_HOSTS: parts.ports.map((one) => `127.0.0.1:${one}`).join(','),
    AUDIT_SINKS: `file:${join(parts.folder, `${port}.log`)}`,
    SHUTDOWN_GRACE_MS: '5000',
    TOOL_TIMEOUT_MS: '5000',
    ...parts.env,
  };
  const ours = { clientId: CLIENT.client_id, clientSecret: CLIENT.client_secret };
  return openServer({
    config: loadConfig(variables, z.object({})),
    definitions: { tools: toolsFor(parts.used), resources: [], prompts: [] },
    logger: pino({ level: 'debug' }, { write: (line) => void parts.logged.push(line) }),
    grants: () => ({
      signIn: { issuer: identity.issuer, ...ours },
      apis: {
        calendar: {
          issuer: calendar.issuer,
          authorizationUrl: `${calendar.issuer}/auth`,
          tokenUrl: `${calendar.issuer}/token`,
          scope: 'events:read',
          ...ours,
        },
      },
    }),
  });
}

const toolsFor = (used: string[]) => {
  const common = { scopes: [], input: z.object({}) };
  return [
    defineTool({
      ...common,
      name: 'events',
      description: 'Uses the calendar of the caller',
      run: async (_input, { grants }) => {
        used.push(await grants.token('calendar'));
        return 'one event';
      },
    }),
    defineTool({
      ...common,
      name: 'disconnect',
      description: 'Forgets the calendar of the caller',
      run: async (_input, { grants }) => {
        await grants.withdraw('calendar');
        return 'disconnected';
      },
    }),
    defineTool({
      ...common,
      name: 'typo',
      description: 'Names an API that there is not',
      run: (_input, { grants }) => grants.token('constructor'),
    }),
  ];
};

/** An access token by the code grant, as a client of MCP gets it. */
async function tokenOf({ issuer, authorize }: AuthorizationServer): Promise<string> {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const server = { issuer, token_endpoint: `${issuer}/token` };
  const [redirectUri = ''] = ASSISTANT.redirect_uris;
  const verifier = oauth.generateRandomCodeVerifier();
  const url = new URL(`${issuer}/auth`);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: ASSISTANT.client_id,
    redirect_uri: redirectUri,
    scope: 'calendar',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString();
  const back = oauth.validateAuthResponse(server, ASSISTANT, await authorize(url));
  const sent = [server, ASSISTANT, oauth.None(), back, redirectUri, verifier, insecure] as const;
  const answer = await oauth.authorizationCodeGrantRequest(...sent);
  return (await oauth.processAuthorizationCodeResponse(server, ASSISTANT, answer)).access_token;
}

export interface Page {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  readonly url: URL;
}

/** Keeps cookies for each site, and asks another replica each time. */
function browser(publicUrl: URL, ports: readonly number[]) {
  const cookies = new Map<string, Map<string, string>>();
  let turn = 0;

  async function load(url: URL): Promise<Page> {
    const jar = cookies.get(url.host) ?? new Map<string, string>();
    cookies.set(url.host, jar);
    const isOurs = url.host === publicUrl.host;
    const place = isOurs
      ? `http://127.0.0.1:${ports[turn++ % ports.length]}${url.pathname}${url.search}`
      : url;
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(place, { redirect: 'manual', headers: { cookie, accept: 'text/html' } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      jar.set(name, value);
    }
    const { status, headers } = response;
    return { status, headers, text: await response.text(), url };
  }

  return {
    cookies,
    load,
    /** Follows redirects to the last page, or up to the first URL that fits, which is not loaded. */
    async open(start: string | URL, stopAt: (url: URL) => boolean = () => false): Promise<Page> {
      let page = await load(new URL(start));
      for (let hop = 0; hop < 20; hop++) {
        const location = page.headers.get('location');
        if (location === null) return page;
        const url = new URL(location, page.url);
        if (stopAt(url)) return { ...page, url };
        page = await load(url);
      }
      throw new Error('too many redirects');
    },
  };
}
