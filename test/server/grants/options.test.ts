/** Which grants a server opens, and for whom. */
import { expect, test } from '@jest/globals';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { openGrantsOf } from '../../../src/server/assemble-http.js';
import { loadConfig } from '../../../src/server/config/index.js';
import { openGrants } from '../../../src/server/grants/index.js';
import type { GrantedApi, GrantOptions, OAuthClient } from '../../../src/server/grants/options.js';
import type { Caller } from '../../../src/server/identity/caller.js';
import { defineTool, type UrlRequired } from '../../../src/server/mcp/definitions/tool.js';
import { openStores } from '../../../src/server/stores/index.js';
import { memoryKeptValues } from '../../../src/server/stores/memory/kept-values.js';
import { memoryUsedOnce } from '../../../src/server/stores/memory/used-once.js';
import { serve } from '../../helpers/serve.js';
import { callIn2025, callIn2026, toolCall } from '../../helpers/two-eras.js';

const ISSUER = 'https://id.example';
const ours = { clientId: 'us', clientSecret: 'hunter2' };
const API: GrantedApi = {
  ...ours,
  issuer: 'https://calendar.example',
  authorizationUrl: 'https://calendar.example/authorize',
  tokenUrl: 'https://calendar.example/token',
  scope: 'events:read',
};

interface Change {
  readonly name?: string;
  readonly api?: Partial<GrantedApi>;
  readonly signIn?: Partial<OAuthClient>;
}

const optionsOf = ({ name = 'calendar', api, signIn }: Change = {}): GrantOptions => ({
  signIn: { issuer: ISSUER, ...ours, ...signIn },
  apis: { [name]: { ...API, ...api } },
});
const open = (change?: Change) =>
  openGrants(optionsOf(change), {
    publicUrl: new URL('https://mcp.example/mcp'),
    keys: [Buffer.alloc(32, 1)],
    keptValues: memoryKeptValues(),
    usedOnce: memoryUsedOnce(),
  });

test.each<[string, Change]>([
  ['tokenUrl', { api: { tokenUrl: 'http://calendar.example/token' } }],
  ['tokenUrl', { api: { tokenUrl: 'https://us:hunter2@calendar.example/token' } }],
  ['authorizationUrl', { api: { authorizationUrl: 'javascript:alert(1)' } }],
  ['authorizationUrl', { api: { authorizationUrl: 'hunter2' } }],
  ['signIn.issuer', { signIn: { issuer: 'http://id.example' } }],
  ['the name of an API', { name: 'My Calendar' }],
  ['the name of an API', { name: '__proto__:' }],
])('a start with an unsafe %s ends, without the value', (what, change) => {
  expect(() => open(change)).toThrow(what);
  expect(() => open(change)).not.toThrow('hunter2');
});

const USER: Caller = { issuer: ISSUER, subject: 'ada', method: 'jwt', scopes: [] };

test.each<[string, Caller]>([
  ['an API key', { issuer: 'api-key', subject: 'k', method: 'api-key', scopes: [] }],
  ['an API key that is named as the issuer', { ...USER, method: 'api-key' }],
  ['a user of another issuer', { ...USER, issuer: 'https://other.example' }],
  ['nobody', { issuer: 'none', subject: 'anonymous', method: 'none', scopes: [] }],
])('%s is given no link', async (_who, caller) => {
  await expect(open().of(caller).token('calendar')).rejects.toThrow('Sign in with your account');
});

test('a user without a grant is given a link, in https and on our own host', async () => {
  await expect(open().of(USER).token('calendar')).rejects.toMatchObject({
    name: 'UrlRequired',
    message: 'Connect your account: calendar',
    url: expect.stringMatching(/^https:\/\/mcp\.example\/grants\/connect\?flow=[\w-]{43}$/),
  });
});

test('a link opens nothing while the sign-in cannot be reached', async () => {
  const issuer = 'http://127.0.0.1:1';
  const { of, pages } = open({ signIn: { issuer } });
  const asked: unknown = await of({ ...USER, issuer })
    .token('calendar')
    .catch((error: unknown) => error);
  const { search } = new URL((asked as UrlRequired).url);
  const opened = pages({ originalUrl: `/grants/connect${search}` } as Request, {} as Response, () => {});

  await expect(opened).rejects.toMatchObject({ code: 'issuer_unavailable' });
});

const tools = [
  defineTool({
    name: 'events',
    description: 'Uses a calendar',
    scopes: [],
    input: z.object({}),
    run: async (_input, { grants }) => {
      await grants.withdraw('calendar');
      return grants.token('calendar');
    },
  }),
];
const definitions = { tools, resources: [], prompts: [] };

test('where main.ts names no grants there are no pages, and a tool says so', async () => {
  const server = await serve(definitions, []);
  try {
    const pages = ['connect', 'signed-in', 'callback'].map((name) => new URL(`/grants/${name}`, server.url));
    const statuses = await Promise.all(pages.map(async (page) => (await fetch(page)).status));
    const seen = [await callIn2025(server, toolCall('events')), await callIn2026(server, toolCall('events'))];

    expect(statuses).toEqual([404, 404, 404]);
    for (const { answer } of seen)
      expect(answer?.result).toMatchObject({
        isError: true,
        content: [{ text: 'No account can be connected here' }],
      });
  } finally {
    await server.close();
  }
});

test('a server that takes no tokens of the sign-in does not start', async () => {
  const stores = await openStores({ sessionIdleMs: 1000 });
  const openOf = (issuer: string) => () => {
    const config = loadConfig({ AUTH: 'jwt', JWT_ISSUERS: issuer });
    return openGrantsOf({ config, stores, grants: () => optionsOf() });
  };

  expect(openOf('https://other.example')).toThrow('JWT_ISSUERS: must contain signIn.issuer of grants');
  expect(openOf(ISSUER)).not.toThrow();
  await stores.close();
});
