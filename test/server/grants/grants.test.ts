/** A user connects an account: through real HTTP, with real authorization servers, in both eras. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { USER } from '../../helpers/authorization-server.js';
import { callIn2025, callIn2026, type Endpoint, toolCall } from '../../helpers/two-eras.js';
import { CALENDAR, type Granting, startGranting } from './granting.js';

let all: Granting;
beforeAll(async () => {
  all = await startGranting({ replicas: 1 });
});
afterAll(() => all.close());
beforeEach(() => {
  all.visitor.name = USER;
  all.used.length = 0;
});

const accepting = { answers: [{ action: 'accept' }], elicitation: { url: {} } };
const textOf = ({ answer }: Awaited<ReturnType<typeof callIn2025>>) =>
  (answer?.result?.['content'] as { text: string }[] | undefined)?.[0]?.text;
const in2025 = (caller: Endpoint, name = 'events') => callIn2025(caller, toolCall(name, {}, accepting));
const in2026 = (caller: Endpoint, name = 'events') => callIn2026(caller, toolCall(name, {}, accepting));

type Question = { readonly params: { readonly url: string } };
type Elicitations = { readonly elicitations: readonly { readonly url: string }[] };
const linkIn2025 = async (caller: Endpoint) => {
  const { error } = (await in2025(caller)).answer ?? {};
  return (error?.['data'] as Elicitations | undefined)?.elicitations[0]?.url ?? '';
};
const linkIn2026 = async (caller: Endpoint) => ((await in2026(caller)).questions[0] as Question).params.url;

let users = 0;
/** A user who has connected nothing, and who sits before the browser. */
async function newUser() {
  const name = `user-${++users}`;
  all.visitor.name = name;
  return { name, caller: await all.caller(name) };
}

describe.each([
  ['2025', in2025, linkIn2025],
  ['2026', in2026, linkIn2026],
])('in the %s era', (_era, call, linkOf) => {
  test('a user who has opened the link and agreed is served with a token of their own for that API', async () => {
    const { name, caller } = await newUser();
    const link = await linkOf(caller);
    const page = await all.browser().open(link);

    expect((await all.browser().load(new URL(link))).status).toBe(404); // a link is good once
    expect([page.status, page.text]).toEqual([
      200,
      'Connected: calendar. You can close this page and call the tool again.\n',
    ]);
    expect(page.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(textOf(await call(caller))).toBe('one event');
    const [token = ''] = all.used;
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ iss: all.calendar.issuer, aud: CALENDAR, sub: `calendar of ${name}` });
    expect(token).not.toBe(caller.key);
  });

  test('what one user connected is nothing to another', async () => {
    const { caller } = await newUser();
    await all.browser().open(await linkOf(caller));
    const { caller: other } = await newUser();
    const link = await linkOf(other);

    expect(link).toContain('/grants/connect?flow=');
    expect(all.used).toEqual([]);
  });

  test('a withdrawn grant is gone, and its user gets a link again', async () => {
    const { caller } = await newUser();
    await all.browser().open(await linkOf(caller));
    expect(textOf(await call(caller, 'disconnect'))).toBe('disconnected');

    expect(await linkOf(caller)).toContain('/grants/connect?flow=');
    expect(all.used).toEqual([]);
  });
});

test('the link of a user stays the same for a while, and names neither them nor the API', async () => {
  const { name, caller } = await newUser();
  const links = [await linkIn2025(caller), await linkIn2026(caller)];

  expect(links[0]).toBe(links[1]);
  expect(links[0]).toMatch(new RegExp(`^${all.publicUrl.origin}/grants/connect\\?flow=[\\w-]{43}$`));
  expect(links[0]).not.toContain(name);
});

test('an API that main.ts does not name fails the call', async () => {
  const { caller } = await newUser();

  expect(textOf(await in2025(caller, 'typo'))).toMatch(/^Internal error \(request /);
});

describe('an attacker', () => {
  const toConsent = (url: URL) => url.origin === all.calendar.issuer;
  const toCallback = (url: URL) => url.pathname === '/grants/callback';
  const toSignedIn = (url: URL) => url.pathname === '/grants/signed-in';

  /** Neither the caller nor the visitor has got anything. */
  async function expectNothingOf(caller: Endpoint): Promise<void> {
    expect((await in2025(caller)).answer?.error).toMatchObject({ code: -32042 });
    expect(all.used).toEqual([]);
  }

  test('who sends their link to somebody else gets nothing: the visitor is not who was asked', async () => {
    const { caller: attacker } = await newUser();
    const link = await linkIn2025(attacker);
    const { name: victim } = await newUser();
    const seen: string[] = [];
    const page = await all.browser().open(link, (url) => {
      seen.push(url.origin);
      return false;
    });

    expect(page.status).toBe(403);
    expect(page.text).toContain('somebody else than the user who was given this link');
    expect(page.text).not.toContain(victim);
    expect(seen).not.toContain(all.calendar.issuer); // nobody was asked to agree to anything
    await expectNothingOf(attacker);
    expect(await all.written()).toContain('another user');
  });

  test('who signs in and sends the page of consent to somebody else gets nothing', async () => {
    const { caller: attacker } = await newUser();
    const consent = await all.browser().open(await linkIn2025(attacker), toConsent);
    await newUser();
    const page = await all.browser().open(consent.url);

    expect([page.status, page.url.pathname]).toEqual([400, '/grants/callback']);
    await expectNothingOf(attacker);
  });

  test('who plants the code of their own account in the browser of somebody else changes nothing', async () => {
    const { caller: attacker } = await newUser();
    const planted = await all.browser().open(await linkIn2025(attacker), toCallback);
    const { caller: victim } = await newUser();
    const victims = all.browser();
    const own = await victims.open(await linkIn2025(victim), toCallback);
    const mixed = new URL(own.url);
    mixed.searchParams.set('code', planted.url.searchParams.get('code') ?? '');
    const pages = [await victims.load(planted.url), await victims.load(mixed)];

    expect(pages.map(({ status }) => status)).toEqual([400, 400]);
    await expectNothingOf(victim);
    await expectNothingOf(attacker);
  });

  test.each([
    ['callback', toCallback],
    ['sign-in', toSignedIn],
  ])('who loads a %s a second time gets nothing', async (_what, stop) => {
    const { caller } = await newUser();
    const browser = all.browser();
    const { url } = await browser.open(await linkIn2025(caller), stop);
    const jar = [...browser.cookies].map(([host, own]) => [host, new Map(own)] as const);
    await browser.load(url);
    for (const [host, own] of jar) browser.cookies.set(host, own);

    const page = await browser.load(url);
    expect([page.status, page.headers.get('location')]).toEqual([400, null]);
  });

  test.each([
    [
      'a state of the first step at the second',
      toSignedIn,
      (url: URL) => (url.pathname = '/grants/callback'),
    ],
    [
      'a state of the second step at the first',
      toCallback,
      (url: URL) => (url.pathname = '/grants/signed-in'),
    ],
    ['no state', toCallback, (url: URL) => url.searchParams.delete('state')],
    [
      'another state',
      toCallback,
      (url: URL) => url.searchParams.set('state', `${'a'.repeat(43)}.${'b'.repeat(43)}`),
    ],
    [
      'a state whose end is another',
      toCallback,
      (url: URL) =>
        url.searchParams.set('state', `${url.searchParams.get('state')?.slice(0, 44)}${'b'.repeat(43)}`),
    ],
    ['no code', toCallback, (url: URL) => url.searchParams.delete('code')],
    ['another issuer', toCallback, (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['two codes', toCallback, (url: URL) => url.searchParams.append('code', 'another')],
    ['two states', toCallback, (url: URL) => url.searchParams.append('state', 'another')],
    ['a huge state', toCallback, (url: URL) => url.searchParams.set('state', 'x'.repeat(8000))],
  ])('with %s gets nothing', async (_what, stop, change) => {
    const { caller } = await newUser();
    const browser = all.browser();
    const { url } = await browser.open(await linkIn2025(caller), stop);
    change(url);
    const page = await browser.load(url);

    expect(page.status).toBe(400);
    expect(page.headers.get('location')).toBeNull();
    await expectNothingOf(caller);
  });

  test('who changes the link is told nothing, and sent nowhere', async () => {
    const { caller } = await newUser();
    const link = new URL(await linkIn2025(caller));
    const evil = 'https://evil.example/';
    const links = ['', 'x', '../x', 'a'.repeat(43), '%00', evil].map(
      (flow) => `/grants/connect?flow=${flow}`,
    );
    for (const path of links) {
      const page = await all.browser().load(new URL(path, link));
      expect([page.status, page.headers.get('location')]).toEqual([404, null]);
    }
    for (const name of ['redirect_uri', 'url', 'next', 'return_to']) link.searchParams.set(name, evil);
    const { headers } = await all.browser().load(link);
    expect(headers.get('location')).toMatch(new RegExp(`^${all.identity.issuer}/auth\\?`));
    expect(headers.get('location')).not.toContain('evil');
  });

  test.each([
    ['a host that is not ours', { host: 'evil.example' }, 403],
    ['an origin that is not ours', { origin: 'https://evil.example' }, 403],
  ])('from %s is refused before anything is looked up', async (_what, headers, status) => {
    const { get } = await import('node:http');
    const { caller } = await newUser();
    const link = await linkIn2025(caller);
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      get(link, { headers }, (response) => resolve(response.resume().statusCode)).on('error', reject);
    });

    expect(answered).toBe(status);
  });

  test.each(['POST', 'HEAD', 'PUT', 'DELETE'])('cannot use the pages by %s', async (method) => {
    const response = await fetch(new URL('/grants/callback', all.publicUrl), { method });
    await response.body?.cancel();

    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET']);
  });

  test('who holds the cookie of another browser alone cannot come back', async () => {
    const { caller } = await newUser();
    const browser = all.browser();
    await browser.open(await linkIn2025(caller), toCallback);
    const page = await browser.load(new URL('/grants/callback?code=x', all.publicUrl));

    expect(page.status).toBe(400);
    await expectNothingOf(caller);
  });
});

test('a user who does not agree has connected nothing, and may open the link again', async () => {
  const { caller } = await newUser();
  const link = await linkIn2025(caller);
  const browser = all.browser();
  const { url } = await browser.open(link, (to) => to.pathname === '/grants/callback');
  url.searchParams.delete('code');
  url.searchParams.set('error', 'access_denied');
  const denied = await browser.load(url);
  await in2025(caller);
  const agreed = await browser.open(link);

  expect([denied.status, agreed.status]).toEqual([400, 200]);
});

test('the browser keeps a cookie that no script and no other site can use, and only until the end', async () => {
  const { caller } = await newUser();
  const browser = all.browser();
  const first = await browser.load(new URL(await linkIn2025(caller)));
  const last = await browser.open(first.headers.get('location') ?? '');

  expect(first.headers.get('set-cookie')).toMatch(
    /^grant-[\w-]{43}=[\w-]{43}; Path=\/; Max-Age=900; HttpOnly; SameSite=Lax$/,
  );
  expect(last.headers.get('set-cookie')).toMatch(/^grant-[\w-]{43}=; Path=\/; Max-Age=0; /);
  expect(last.headers.get('cache-control')).toBe('no-store');
  expect(last.headers.get('referrer-policy')).toBe('no-referrer');
});

test('where the public URL is https, the cookie is of that host and of TLS alone', async () => {
  const env = { PUBLIC_URL: 'https://mcp.example/mcp' };
  const secure = await startGranting({ replicas: 1, env });
  try {
    const browser = secure.browser();
    const first = await browser.load(new URL(await linkIn2025(await secure.caller())));
    const last = await browser.open(first.headers.get('location') ?? '');

    expect(first.headers.get('set-cookie')).toMatch(/^__Host-grant-[\w-]{43}=.*; Path=\/; .*; Secure$/);
    expect([last.status, last.url.host]).toEqual([200, 'mcp.example']);
  } finally {
    await secure.close();
  }
});

test('no token, code, state, cookie or secret is in any answer, log, audit or metric', async () => {
  const { caller } = await newUser();
  const secrets = new Set<string>(['x'.repeat(32)]);
  const browser = all.browser();
  const seen = [await in2025(caller), await in2026(caller)];
  const page = await browser.open(await linkIn2025(caller), (url) => {
    for (const [name, value] of url.searchParams)
      if (['code', 'state', 'nonce', 'code_challenge'].includes(name)) secrets.add(value);
    return false;
  });
  seen.push(await in2025(caller), await in2026(caller));
  for (const jar of browser.cookies.values()) for (const value of jar.values()) if (value) secrets.add(value);
  for (const token of all.used) secrets.add(token);
  const written = [JSON.stringify(seen), page.text, await all.written()].join('\n');

  expect(secrets.size).toBeGreaterThan(8);
  expect([...secrets].filter((secret) => written.includes(secret))).toEqual([]);
  expect(written).toContain('"grant":"connected"');
});
