/** `npm run pin` against a registry on this machine, which answers as the OCI Distribution specification has it. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';

const FILES = ['deploy/Dockerfile', 'deploy/compose.yaml', 'deploy/kubernetes/components/redis/valkey.yaml'];
const INDEX = 'application/vnd.oci.image.index.v1+json';
const TOKEN = 'a-token-for-anybody';

let registry: Server;
let host: string;
let asked: string[];
/** What the registry has, by `repository:tag`, and the header it sends with it. */
let manifests: Record<string, { readonly text: string; readonly digest?: string }>;
let folder: string;

const sha256 = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const answer: RequestListener = (req, res) => {
  const url = new URL(req.url ?? '', `http://${host}`);
  asked.push(url.pathname + url.search);
  if (url.pathname === '/token') return void res.end(JSON.stringify({ token: TOKEN }));
  const [, repository = '', tag = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(url.pathname) ?? [];
  if (req.headers.authorization !== `Bearer ${TOKEN}`) {
    const scope = `service="here",scope="repository:${repository}:pull"`;
    return void res
      .writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token",${scope}` })
      .end();
  }
  const manifest = manifests[`${repository}:${tag}`];
  if (manifest === undefined || !req.headers.accept?.startsWith(INDEX)) return void res.writeHead(404).end();
  const digest = manifest.digest ?? sha256(manifest.text);
  res.writeHead(200, { 'content-type': INDEX, 'docker-content-digest': digest }).end(manifest.text);
};

beforeAll(async () => {
  registry = createServer(answer).listen(0, '127.0.0.1');
  await once(registry, 'listening');
  host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
});
afterAll(() => void registry.close());

/** Our own files, with the registry of the test. */
beforeEach(() => {
  [asked, manifests] = [[], {}];
  folder = mkdtempSync(join(tmpdir(), 'pin-'));
  for (const file of FILES) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), readFileSync(file, 'utf8').replaceAll('docker.io', host));
    for (const [, image = ''] of read(file).matchAll(/127\.0\.0\.1:\d+\/([\w./-]+:[\w.-]+)/g))
      manifests[image] = { text: `{"manifests":["${image}"]}` };
  }
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (file: string) => readFileSync(join(folder, file), 'utf8');
const all = () => FILES.map(read).join('');

function pin(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = ['--import', import.meta.resolve('tsx'), resolve('scripts/pin.ts'), ...args];
  return new Promise((done) => {
    execFile('node', command, { cwd: folder }, (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

test('each image gets the digest of what its registry sends, and then the check is content', async () => {
  expect(await pin('--check')).toMatchObject({ code: 1, stdout: expect.stringContaining('names no digest') });
  const before = all();
  expect(await pin()).toMatchObject({ code: 0, stderr: '' });

  expect(Object.keys(manifests)).toHaveLength(5);
  for (const [image, { text }] of Object.entries(manifests))
    expect(all()).toContain(`${host}/${image}@${sha256(text)}\n`);
  expect(all().replaceAll(/@sha256:[0-9a-f]{64}/g, '')).toBe(before); // nothing else is changed
  expect(asked).toContain('/token?service=here&scope=repository%3Alibrary%2Fnode%3Apull');
  expect((await pin('--check')).code).toBe(0);
});

test('a tag that has moved fails the check, which writes nothing; without it, the digest follows', async () => {
  await pin();
  const before = all();
  const [image = ''] = Object.keys(manifests);
  manifests[image] = { text: 'rebuilt' };

  expect(await pin('--check')).toMatchObject({ code: 1, stdout: expect.stringContaining('has moved to') });
  expect(all()).toBe(before);
  await pin();
  expect(all()).toContain(`${image}@${sha256('rebuilt')}`);
});

test.each([
  ['does not know the tag', undefined, 'the registry answers 404'],
  ['sends something else than it names', { text: 'a', digest: sha256('b') }, 'and sends'],
])('a registry that %s: no digest is made up, and none is written', async (_what, manifest, message) => {
  const [image = ''] = Object.keys(manifests);
  if (manifest === undefined) delete manifests[image];
  else manifests[image] = manifest;
  const before = all();
  const outcome = await pin();

  expect(outcome).toMatchObject({ code: 1, stdout: '' });
  expect(outcome.stderr).toMatch(new RegExp(`${image}: .*${message}`));
  expect(outcome.stderr).toContain('Nothing was written.');
  expect(all()).toBe(before);
});

test('a registry that nobody reaches is named, with the reason', async () => {
  const dead: Server = createServer().listen(0, '127.0.0.1');
  await once(dead, 'listening');
  const { port } = dead.address() as AddressInfo;
  dead.close();
  await once(dead, 'close');
  writeFileSync(join(folder, 'deploy/Dockerfile'), `ARG NODE_IMAGE=127.0.0.1:${port}/library/node:24.21.0\n`);

  expect(await pin()).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`127.0.0.1:${port}/library/node:24.21.0: not reachable (ECONNREFUSED)`),
  });
});
