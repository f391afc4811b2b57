/** Images by buildah, in a store of their own: no daemon, no registry. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const start = promisify(execFile);

export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
}

export interface Inspected {
  readonly config: ImageConfig;
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

export interface Builder {
  /** @param file the Dockerfile, below the context unless absolute @returns the id of the image */
  build(context: string, file: string, ...args: readonly string[]): Promise<string>;
  inspect(id: string): Promise<Inspected>;
  /** @returns a folder with the image's files, until `close` */
  unpack(id: string): Promise<string>;
  close(): Promise<void>;
}

export function openBuilder(folder: string): Builder {
  const cache = join(folder, 'npm-cache');
  mkdirSync(cache);
  const store = ['--root', join(folder, 'store'), '--runroot', join(folder, 'run')];
  /** With less of the processor than the other tests, which run meanwhile. */
  const buildah = async (...args: readonly string[]) => {
    const env = { ...process.env, BUILDAH_ISOLATION: 'chroot' };
    const { stdout } = await start('nice', ['buildah', ...store, ...args], { env, maxBuffer: 1 << 26 });
    return stdout.trim();
  };
  return {
    async build(context, file, ...args) {
      const flags = ['--quiet', '--pull-never', '--timestamp', '0', '--volume', `${cache}:/tmp/npm`];
      return buildah('build', ...flags, ...args, '--file', join(context, file), context);
    },
    async inspect(id) {
      const { OCIv1 } = JSON.parse(await buildah('inspect', '--type', 'image', id)) as { OCIv1: Inspected };
      return OCIv1;
    },
    unpack: async (id) => buildah('mount', await buildah('from', '--pull-never', id)),
    async close() {
      await buildah('umount', '--all');
      await buildah('rm', '--all');
    },
  };
}
