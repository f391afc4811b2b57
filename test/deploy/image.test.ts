/** The image, built from the Dockerfile as it is, and run as the manifests run it. Both need root. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { describeWithPrograms } from '../helpers/programs.js';
import { body, clientOf, stateless } from '../replicas/client.js';
import { standInBase } from './image/base.js';
import { type Builder, type Inspected, openBuilder } from './image/build.js';
import { anotherClone, isExecutable, listed, modeOf, states } from './image/contents.js';
import { LIMITS, type ServerInContainer, startInContainer } from './image/server.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BASE = 'localhost/base:1.0.0';
/** The base's Node is the one that runs this test. */
const FLAGS = process.allowedNodeEnvironmentFlags.has('--disable-sigusr1') ? '--disable-sigusr1' : '';

jest.setTimeout(900_000); // npm ci four times and the compiler twice, while others use every core

describeWithPrograms(['buildah', 'runc', 'nice'], 'the image', () => {
  let folder: string;
  let builder: Builder;
  let id: string;
  let image: Inspected;
  let files: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-image-'));
    builder = openBuilder(folder);
    await builder.build(standInBase(join(folder, 'base')), 'Dockerfile', '--tag', BASE);
    id = await build(ROOT);
    image = await builder.inspect(id);
    files = await builder.unpack(id);
  });
  afterAll(async () => {
    await builder?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const build = (context: string) =>
    builder.build(
      context,
      'deploy/Dockerfile',
      '--build-arg',
      `NODE_IMAGE=${BASE}`,
      '--build-arg',
      `NODE_FLAGS=${FLAGS}`,
    );

  test('is the same from another clone, whose files are of another age, private, and next to secrets', async () => {
    expect(await build(anotherClone(ROOT, join(folder, 'clone'), 'a-secret'))).toBe(id);
  });

  test('begins with node, not with a shell, as a user that is nobody elsewhere', () => {
    expect(image.config).toMatchObject({
      User: '65532:65532',
      Entrypoint: ['/usr/local/bin/node', '--min-semi-space-size=16', '--max-semi-space-size=16'],
      Cmd: ['dist/main.js'],
      WorkingDir: '/app',
    });
  });

  test('has one program, which is node: no shell, no package manager', () => {
    const system = listed(files).filter(
      (path) => !path.startsWith('app/') && isExecutable(join(files, path)),
    );

    expect(system.filter((path) => !/\.so(\.\d+)*$/.test(path))).toEqual(['usr/local/bin/node']);
    expect(
      listed(files).filter((path) => /(^|\/)(npm|npx|yarn|corepack|sh|bash|busybox)$/.test(path)),
    ).toEqual([]);
  });

  test('holds the production dependencies of the lockfile and no other, each of them in its SBOM', () => {
    const lock = readJson(join(ROOT, 'package-lock.json')) as Lock;
    const wanted = Object.entries(lock.packages).filter(
      ([path, { dev, devOptional }]) => path && !dev && !devOptional,
    );
    const PACKAGE = /^app\/((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/@]+)\/package\.json$/;
    const installed = listed(files).flatMap((path) => PACKAGE.exec(path)?.[1] ?? []);
    const { components } = readJson(join(files, 'app/sbom.cdx.json')) as Sbom;

    expect([...installed].sort()).toEqual(wanted.map(([path]) => path).sort());
    const named = wanted.map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`);
    expect(components.map(({ name, version }) => `${name}@${version}`).sort()).toEqual(
      [...new Set(named), `node@${process.versions.node}`].sort(),
    );
  });

  test('holds of our own what is built and shown, which its user can read and not write', () => {
    const app = join(files, 'app');
    const own = listed(app).filter((path) => !path.startsWith('node_modules/'));
    const modes = new Set(own.map((path) => modeOf(join(app, path))));

    expect(own.filter((path) => !/^(dist|examples\/documents)\//.test(path))).toEqual(
      'LICENSE dist examples examples/documents node_modules package.json sbom.cdx.json'.split(' '),
    );
    expect([...modes].sort()).toEqual(['100644 0:0', '40755 0:0']);
  });

  describe('as a container: read-only, no capabilities, seccomp, no new privileges, 256 MB', () => {
    let server: ServerInContainer;

    beforeAll(async () => {
      server = await startInContainer(folder, files, image.config);
    });
    afterAll(() => server?.container.remove());

    test('it is held as it should be', async () => {
      const status = await server.container.status();

      for (const held of [/^Uid:\s+65532\s+65532\s+65532\s+65532$/m, /^CapBnd:\s+0+$/m, /^CapEff:\s+0+$/m])
        expect(status).toMatch(held);
      for (const held of [/^NoNewPrivs:\s+1$/m, /^Seccomp:\s+2$/m, /^NSpid:\s+\d+\s+1$/m])
        expect(status).toMatch(held);
      expect(await server.container.limits()).toEqual(LIMITS);
    });

    test('it serves a call of a tool', async () => {
      const call = stateless('tools/call', {
        name: 'process_files',
        arguments: { paths: ['lending-rules.md'] },
      });
      const answer = await clientOf(server.key).post(server, call.body, { headers: call.headers });

      expect(answer.status).toBe(200);
      expect((await body(answer)).result).toMatchObject({
        structuredContent: { total: { documents: 1 } },
      });
    });

    test('nobody in it can write to what it is made of, or start a shell', async () => {
      const tries = [
        '/app/dist/main.js',
        '/app/x',
        '/etc/passwd',
        '/usr/local/bin/node',
        '/run/secrets/x',
        '/x',
      ];
      const code = `${JSON.stringify(tries)}.map((path) => { try { fs.appendFileSync(path, 'x'); } catch (error) { return error.code; } }).join()`;

      expect(await server.container.node(code)).toMatch(/^((EROFS|EACCES),){5}(EROFS|EACCES)\n$/);
      expect(await server.container.node("child_process.spawnSync('sh').error.code")).toBe('ENOENT\n');
    });

    test('SIGTERM ends it with 0; it has written its audit, and nothing else', async () => {
      expect(await server.container.node("fs.readdirSync('/tmp').join()")).toBe('\n');
      await server.container.kill('SIGTERM');
      const { code, stdout, stderr } = await server.container.ended;

      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: expect.not.stringMatching(/error|EROFS|EPERM|EACCES/i),
      });
      expect(states(files)).toEqual(server.before);
      expect(listed(server.audit)).toEqual(['audit.log']);
      expect(stdout).toBe(readFileSync(join(server.audit, 'audit.log'), 'utf8'));
      expect(stdout).toContain('process_files');
    });
  });
});

interface Lock {
  readonly packages: Readonly<Record<string, { version?: string; dev?: boolean; devOptional?: boolean }>>;
}
interface Sbom {
  readonly components: readonly { readonly name: string; readonly version: string }[];
}
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
