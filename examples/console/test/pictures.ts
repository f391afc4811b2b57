/** Takes the pictures of docs/console.md: `npm run pictures` in examples/console. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { connect, launch, open } from './browser.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const command = spawn(process.execPath, ['--import', 'tsx', 'scripts/console.ts', '--port', '0'], {
  cwd: ROOT,
  stdio: ['ignore', 'ignore', 'pipe'],
});
const browser = await launch();
try {
  let key = '';
  for await (const line of createInterface({ input: command.stderr })) {
    key = /^ {2}(mcp_\w+)$/.exec(line)?.[1] ?? key;
    const origin = /^The console: (\S+)$/.exec(line)?.[1];
    if (origin === undefined) continue;
    await takeAll(origin, key);
    break;
  }
} finally {
  await browser.close();
  command.kill('SIGINT');
  await once(command, 'exit');
}

async function takeAll(origin: string, key: string): Promise<void> {
  const { page } = await open(browser, origin, { viewport: { width: 800, height: 900 } });
  await connect(page, key);
  await run(page);
  await page.getByRole('button', { name: 'Lose the connection' }).click();
  await page.getByText('Resumed with Last-Event-ID').waitFor();
  await page.getByRole('log').getByText('document 9/10').waitFor();
  await take(page, 'Run', 'run');
  await page.getByRole('button', { name: 'Compare' }).click();
  for (const name of ['Classic streaming', 'HTTP+SSE', 'Streamable HTTP'])
    await page.getByRole('region', { name }).getByText('the end').waitFor();
  await take(page, 'Transports side by side', 'transports');

  const phone = await open(browser, origin, { viewport: { width: 360, height: 640 }, colorScheme: 'dark' });
  await connect(phone.page, key);
  await take(phone.page, 'Tools', 'phone');
}

async function run(page: Page): Promise<void> {
  await page.getByLabel('paths').fill('.');
  await page.getByRole('button', { name: 'Run process_files' }).click();
  await page.getByRole('log').getByText('document 2/10').waitFor();
}

async function take(page: Page, section: string, name: string): Promise<void> {
  const region = page.getByRole('region', { name: section, exact: true });
  await region.screenshot({ path: `${ROOT}docs/console-${name}.png`, animations: 'disabled' });
}
