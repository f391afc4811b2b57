/** What the console says when it is refused, and how it signs in. */
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import {
  type AuthorizationServer,
  startAuthorizationServer,
  USER,
} from '../../../test/helpers/authorization-server.js';
import { type AuditLine, serve, type Served } from '../../../test/helpers/serve.js';
import { build } from '../build.js';
import { serveConsole, type ServedConsole } from '../server.js';
import { connect, launch, open } from './browser.js';
import { definitions, SCOPES } from './definitions.js';
import { describeWithChromium } from './with-chromium.js';

jest.setTimeout(60_000);

let browser: Browser;
let served: ServedConsole;
let authorizationServer: AuthorizationServer;
let server: Served;
let closing: Promise<readonly AuditLine[]> | undefined;
/** The audit of the server, which is closed for it. */
const closed = () => (closing ??= server.close());

async function start(scopes: readonly string[], env: NodeJS.ProcessEnv): Promise<Served> {
  closing = undefined;
  return serve(definitions, scopes, env);
}

describeWithChromium('the console, refused or signed in', () => {
  beforeAll(async () => {
    build();
    browser = await launch();
    served = await serveConsole({
      port: 0,
      target: () => ({ url: server.url.href, issuers: [authorizationServer.issuer] }),
    });
    const client = {
      client_id: 'console',
      redirect_uris: [`${served.origin}/callback.html`],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
    };
    authorizationServer = await startAuthorizationServer({
      resource: 'http://127.0.0.1:1/unused', // the console names its own
      scopes: [...SCOPES, 'documents:write'],
      clients: [client],
    });
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await closed();
  });
  afterAll(async () => {
    await browser.close();
    await served.close();
    await authorizationServer.close();
  });

  test('an origin that is not allowed reads nothing, is told what to set, and is in the audit', async () => {
    server = await start(SCOPES, { ALLOWED_ORIGINS: 'https://other.example' });
    const { page } = await open(browser, served.origin);
    await page.getByLabel('Key', { exact: true }).fill(server.key);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByRole('alert').getByText('ALLOWED_ORIGINS').waitFor();

    expect(await page.getByRole('alert').innerText()).toContain(served.origin);
    expect(await page.getByRole('heading', { name: 'Connected' }).count()).toBe(0);
    const audit = await closed();
    expect(audit.map(({ reason }) => reason)).toEqual(['origin_not_allowed']);
    expect(audit[0]).toMatchObject({ 'http.method': 'OPTIONS', 'http.status': 403 }); // the key was never sent
  });

  test('a refusal is shown in the words of the server, with its code and request id', async () => {
    server = await start(SCOPES, { ALLOWED_ORIGINS: served.origin });
    const { page } = await open(browser, served.origin);
    await page.getByLabel('Key', { exact: true }).fill('mcp_live_nobody');
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByRole('alert').getByText('401 credentials_invalid').waitFor();
    expect(await page.getByRole('alert').innerText()).toMatch(/request \S+$/);

    await connect(page, server.key);
    expect(await page.getByRole('button', { name: 'delete_document' }).count()).toBe(0); // not among its scopes
  });

  test('signs in by OAuth in a window of its own, and no token is in storage, cookies or URL', async () => {
    server = await start([], {
      AUTH: 'jwt',
      API_KEYS_FILE: '',
      JWT_ISSUERS: authorizationServer.issuer,
      ALLOWED_ORIGINS: served.origin,
    });
    const { page, complaints } = await open(browser, served.origin);
    await page.getByLabel('OAuth').check();
    await page.getByLabel('Client id').fill('console');
    await page.getByLabel('Scopes').fill('documents:read');
    const opened = page.context().waitForEvent('page');
    await page.getByRole('button', { name: 'Connect' }).click();
    const popup = await opened;
    if (!popup.isClosed()) await popup.waitForEvent('close'); // by itself
    await page.getByRole('heading', { name: 'Connected' }).waitFor();

    await page.getByRole('button', { name: 'whoami', exact: true }).click();
    await page.getByRole('button', { name: 'Run whoami' }).click();
    await page.locator('[data-state=done]').waitFor();
    const result = await page.getByRole('region', { name: 'Result' }).innerText();
    expect(JSON.parse(result)).toMatchObject({ subject: USER, method: 'jwt', scopes: SCOPES });

    const kept = 'JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])';
    expect(JSON.parse(String(await page.evaluate(kept)))).toEqual([{}, {}, '', `${served.origin}/`]);
    expect(complaints).toEqual([]);

    await page.getByRole('button', { name: 'delete_document', exact: true }).click();
    await page.getByLabel('path').fill('lending-rules.md');
    await page.getByRole('button', { name: 'Run delete_document' }).click();
    await page.locator('[data-state=failed]').waitFor();
    expect(await page.getByRole('region', { name: 'Result' }).innerText()).toMatch(
      /^403 insufficient_scope: .*documents:write/,
    );
  });
});
