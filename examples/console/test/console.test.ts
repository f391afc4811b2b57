/** The console in a real browser, on an origin of its own, against a whole server. */
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { tasks } from '../../../src/server/index.js';
import { serve, type Served } from '../../../test/helpers/serve.js';
import { type ClassicServer, startClassicServer } from '../../classic-streaming/server.js';
import { build } from '../build.js';
import { serveConsole, type ServedConsole } from '../server.js';
import { axe, connect, launch, open } from './browser.js';
import { type CuttableProxy, startCuttableProxy } from './cuttable-proxy.js';
import { definitions, SCOPES, steps } from './definitions.js';
import { describeWithChromium } from './with-chromium.js';

jest.setTimeout(60_000);

let browser: Browser;
let served: ServedConsole;
let server: Served;
let proxy: CuttableProxy;
let classic: ClassicServer;
/** What the console proposes; a test may name another server. */
let url: string;

const status = '[role=status][data-state]';

describeWithChromium('the console', () => {
  beforeAll(async () => {
    build();
    browser = await launch();
    proxy = await startCuttableProxy();
    classic = await startClassicServer(0, async () => {}); // without its pauses
    served = await serveConsole({ port: 0, target: () => ({ url, classicUrl: classic.url.href }) });
    server = await serve({ ...definitions, extensions: [tasks] }, SCOPES, {
      ALLOWED_ORIGINS: served.origin,
      ALLOWED_HOSTS: `127.0.0.1:${proxy.port}`,
      LEGACY_SSE: 'true',
      TOOL_TIMEOUT_MS: '30000',
      SHUTDOWN_GRACE_MS: '30000',
    });
    proxy.forwardTo(Number(server.url.port));
    url = `http://127.0.0.1:${proxy.port}/mcp`;
  });
  afterEach(async () => {
    proxy.mend();
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  afterAll(async () => {
    await browser.close();
    await served.close();
    await classic.close();
    await proxy.close();
    await server.close();
  });

  test('runs process_files with a live bar, a log and the result, and nothing is complained of', async () => {
    const { page, complaints } = await open(browser, served.origin);
    await connect(page, server.key);
    await page.getByLabel('paths').fill('.');
    await page.getByRole('button', { name: 'Run process_files' }).click();
    await page.locator('[data-state=done]').waitFor();

    const bar = page.getByRole('progressbar');
    const total = await bar.getAttribute('max');
    expect([Number(total) > 10, await bar.getAttribute('value')]).toEqual([true, total]);
    expect(await page.getByRole('log').innerText()).toMatch(
      /info Processing document 1\/[^]+Processing complete!/,
    );
    expect(await page.getByRole('region', { name: 'Result' }).innerText()).toContain('"sha256"');
    expect(complaints).toEqual([]);
  });

  test('makes each kind of field from a schema, and shows progress while the call runs', async () => {
    const { page } = await open(browser, served.origin);
    await connect(page, server.key);
    await page.getByRole('button', { name: 'stepwise', exact: true }).click();
    const submit = page.getByRole('button', { name: 'Run stepwise' });
    await submit.click();
    expect(await page.locator(status).getAttribute('data-state')).toBe('idle'); // `mood` is required

    await page.getByLabel('mood').selectOption('hasty');
    await page.getByLabel('count').fill('4');
    await page.getByLabel('loud').check();
    await page.getByLabel('tags').fill('a\n\n b ');
    await page.getByLabel('more').fill('{"depth": 1.5}');
    await submit.click();
    for (const step of [1, 2, 3]) {
      await page.getByText(`Running: Step ${step}`).waitFor();
      expect(await page.getByRole('progressbar').getAttribute('value')).toBe(String(step));
      steps.emit('go');
    }
    await page.locator('[data-state=done]').waitFor();
    const result = await page.getByRole('region', { name: 'Result' }).innerText();
    expect(JSON.parse(result)).toEqual({
      given: { mood: 'hasty', count: 4, loud: true, tags: ['a', 'b'], more: { depth: 1.5 } },
    });
  });

  test.each(['by its button', 'by the network'])(
    'a connection lost %s is resumed where it broke, and nothing said meanwhile is missed',
    async (how) => {
      const { page } = await open(browser, served.origin);
      await connect(page, server.key);
      await page.getByRole('button', { name: 'stepwise', exact: true }).click();
      await page.getByLabel('mood').selectOption('calm');
      await page.getByRole('button', { name: 'Run stepwise' }).click();
      await page.getByText('Running: Step 1').waitFor();

      if (how === 'by the network') proxy.cut();
      else await page.getByRole('button', { name: 'Lose the connection' }).click();
      await page.locator('[data-state=lost]').waitFor();
      steps.emit('go');
      proxy.mend();
      await page.getByText('Running: Step 2').waitFor();
      steps.emit('go');
      await page.getByText('Running: Step 3').waitFor();
      steps.emit('go');
      await page.locator('[data-state=done]').waitFor();

      const lines = await page.getByRole('log').locator('p').allInnerTexts();
      expect(lines.map((line) => line.replace(/^\S+ /, '').replace(/call-\S+/, 'ID'))).toEqual([
        'notice step 1',
        'connection Lost. The last event was ID',
        'connection Resumed with Last-Event-ID: ID',
        'notice step 2',
        'notice step 3',
      ]);
    },
  );

  test('a tool that becomes a task is followed to its end, and one that does not is called', async () => {
    const { page, complaints } = await open(browser, served.origin);
    await connect(page, server.key);
    await page.getByRole('button', { name: 'find_duplicates', exact: true }).click();
    await page.getByRole('button', { name: 'As a task' }).click();
    await page.locator('[data-state=done]').waitFor();
    expect(await page.getByRole('log').innerText()).toMatch(/task working[^]+task completed/);
    expect(await page.getByRole('region', { name: 'Result' }).innerText()).toContain('"duplicates": []');

    await page.getByRole('button', { name: 'log_levels', exact: true }).click();
    await page.getByRole('button', { name: 'As a task' }).click();
    await page.getByText('Logged at 8 levels').waitFor();
    expect(await page.getByRole('log').innerText()).not.toContain('task');
    expect(complaints).toEqual([]);
  });

  test('the log is filtered by level, here and at the server', async () => {
    const { page } = await open(browser, served.origin);
    await connect(page, server.key);
    await page.getByRole('button', { name: 'log_levels', exact: true }).click();
    const run = page.getByRole('button', { name: 'Run log_levels' });
    await run.click();
    await page.locator('[data-state=done]').waitFor();
    const lines = page.getByRole('log').locator('p');
    expect(await lines.count()).toBe(8);

    const level = page.getByLabel('From level');
    const told = page.waitForResponse((response) =>
      Boolean(response.request().postData()?.includes('setLevel')),
    );
    await level.selectOption('critical');
    expect((await told).status()).toBe(200);
    expect(await lines.count()).toBe(3);
    await run.click();
    await page.locator('[data-state=done]').waitFor();
    await level.selectOption('debug'); // shows all that was sent
    expect(await lines.count()).toBe(3);
  });

  test('reads the three transports side by side, with the time of each message', async () => {
    const { page } = await open(browser, served.origin);
    await connect(page, server.key);
    await page.getByRole('button', { name: 'Compare' }).click();
    for (const name of ['Classic streaming', 'HTTP+SSE', 'Streamable HTTP'])
      await page.getByRole('region', { name }).getByText('the end').waitFor();

    const linesOf = (name: string) => page.getByRole('region', { name }).locator('li').allInnerTexts();
    expect((await linesOf('Classic streaming')).map((line) => line.replace(/^\d+ ms /, ''))).toEqual([
      ...[1, 2, 3, 4, 5].map((number) => `data: Message ${number}/5`),
      'the end',
    ]);
    const wordsOf = async (name: string) =>
      (await linesOf(name))
        .map((line) => line.replace(/^\d+ ms /, ''))
        .filter((line) => line.startsWith('progress'));
    const [sse, streamable] = [await wordsOf('HTTP+SSE'), await wordsOf('Streamable HTTP')];
    expect(sse.length).toBeGreaterThan(10);
    expect(streamable).toEqual(sse);
  });

  test('keeps the key out of storage, cookies and URL', async () => {
    const { page } = await open(browser, served.origin);
    await connect(page, server.key);
    const kept = await page.evaluate(
      'JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state])',
    );
    expect(JSON.parse(String(kept))).toEqual([{}, {}, '', `${served.origin}/`, null]);
    expect(await page.evaluate('indexedDB.databases().then((all) => all.length)')).toBe(0);
    await page.reload();
    await page.getByRole('button', { name: 'Connect' }).waitFor();
    expect(await page.content()).not.toContain(server.key);
  });

  test('its policy runs no code but its own, and reaches no server but those it is for', async () => {
    const { page } = await open(browser, served.origin);
    const probes = [
      `fetch('${classic.url.href}', { mode: 'no-cors' }).then(() => 'sent', () => 'stopped')`,
      `new Promise((done) => { const script = document.createElement('script'); window.ran = 'stopped';
        try { script.text = 'window.ran = "ran"'; document.body.append(script); } catch {} done(window.ran); })`,
      `new Promise((done) => { try { document.body.innerHTML = '<b>x</b>'; done('written'); } catch { done('stopped'); } })`,
    ];
    expect(await Promise.all(probes.map((probe) => page.evaluate(probe)))).toEqual([
      'stopped',
      'stopped',
      'stopped',
    ]);
  });

  test('works by keyboard alone', async () => {
    const { page } = await open(browser, served.origin);
    await page.getByLabel('Server').focus();
    for (const key of ['Tab', 'Tab']) await page.keyboard.press(key); // past the choice of credential
    await page.keyboard.type(server.key);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    const focused = () => page.evaluate('document.activeElement?.innerText || document.activeElement?.name');
    const tabTo = async (wanted: string) => {
      for (let press = 0; press < 12; press++) {
        if ((await focused()) === wanted) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`${wanted} is not reached by Tab`);
    };
    await tabTo('paths');
    await page.keyboard.type('lending-rules.md');
    await tabTo('Run process_files');
    await page.keyboard.press('Enter');
    await page.locator('[data-state=done]').waitFor();
  });

  test.each([
    ['light', { width: 1280, height: 900 }],
    ['dark', { width: 1280, height: 900 }],
    ['light', { width: 360, height: 740 }],
    ['dark', { width: 360, height: 740 }],
  ] as const)('axe finds nothing in %s at %o, and nothing is cut off', async (colorScheme, viewport) => {
    const { page } = await open(browser, served.origin, { colorScheme, viewport });
    expect(await axe(page)).toEqual([]);
    await connect(page, server.key);
    await page.getByRole('button', { name: 'log_levels', exact: true }).click();
    await page.getByRole('button', { name: 'Run log_levels' }).click();
    await page.locator('[data-state=done]').waitFor();
    await page.getByRole('button', { name: 'stepwise', exact: true }).click();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('region', { name: 'Streamable HTTP' }).getByText('the end').waitFor();
    expect(await axe(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  });
});
