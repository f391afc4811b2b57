/** A container by runc, as locked up as the manifests ask for: what a cluster's runtime makes of them, without a cluster. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { NAME } from '../../../scripts/name.js';
import type { ImageConfig } from './build.js';
import { seccompProfile } from './seccomp.js';

const start = promisify(execFile);

export interface ContainerOptions {
  /** The files of the image. */
  readonly root: string;
  readonly image: ImageConfig;
  readonly env: Readonly<Record<string, string>>;
  /** Where to mount, which folder of this machine, and how. */
  readonly mounts: readonly (readonly [to: string, from: string, mode: 'ro' | 'rw'])[];
  readonly memoryBytes: number;
  readonly pids: number;
}

export interface Container {
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  /** Settles when the process has printed it on stderr. */
  saw(pattern: RegExp): Promise<void>;
  /** Runs Node inside, as the same user. @returns what it prints */
  node(script: string): Promise<string>;
  /** What the kernel says of process 1 (proc(5), `status`). */
  status(): Promise<string>;
  limits(): Promise<{ readonly memoryBytes: number; readonly pids: number }>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Whatever state it is in. */
  remove(): Promise<void>;
}

/** It shares the network of this machine; everything else is its own. */
export function runContainer(folder: string, options: ContainerOptions): Container {
  const id = `mcp-image-test-${process.pid}`;
  const state = ['--root', join(folder, 'runc')];
  const runc = async (...args: readonly string[]) => (await start('runc', [...state, ...args])).stdout;
  const child = spawn('runc', [...state, 'run', '--bundle', bundle(folder, id, options), id]);
  const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const isOver = once(child, 'exit').then(() => 'over');

  return {
    ended: output.then(([stdout, stderr]) => ({ code: child.exitCode, stdout, stderr })),
    async saw(pattern) {
      while (!pattern.test(printed))
        if ((await Promise.race([once(child.stderr, 'data'), isOver])) === 'over')
          throw new Error(`ended: ${printed}`);
    },
    node: (script) => runc('exec', id, '/usr/local/bin/node', '-p', script),
    async status() {
      const { pid } = JSON.parse(await runc('state', id)) as { pid: number };
      return readFileSync(`/proc/${pid}/status`, 'utf8');
    },
    async limits() {
      const { data } = JSON.parse(await runc('events', '--stats', id)) as Stats;
      return { memoryBytes: data.memory.usage.limit, pids: data.pids.limit };
    },
    kill: async (signal) => void (await runc('kill', id, signal)),
    async remove() {
      await runc('delete', '--force', id);
      await isOver;
    },
  };
}

interface Stats {
  readonly data: {
    readonly memory: { readonly usage: { readonly limit: number } };
    readonly pids: { readonly limit: number };
  };
}

interface Specification {
  readonly root: object;
  readonly process: object;
  readonly mounts: readonly object[];
  readonly linux: { readonly namespaces: readonly { readonly type: string }[]; readonly resources: object };
}

/** The specification that `runc spec` writes, with less. @returns the folder it is in */
function bundle(folder: string, id: string, options: ContainerOptions): string {
  const { root, image, env, mounts, memoryBytes, pids } = options;
  const path = join(folder, 'bundle');
  mkdirSync(path);
  execFileSync('runc', ['spec', '--bundle', path]);
  const made = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as Specification;
  const [uid, gid] = image.User.split(':').map(Number);
  const specification = {
    ...made,
    hostname: NAME,
    root: { path: root, readonly: true },
    process: {
      user: { uid, gid },
      args: [...image.Entrypoint, ...image.Cmd],
      env: [...image.Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
      cwd: image.WorkingDir,
      capabilities: {},
      noNewPrivileges: true,
    },
    mounts: [
      ...made.mounts,
      {
        destination: '/tmp',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'nodev', 'noexec', 'size=32m'],
      },
      ...mounts.map(([destination, source, mode]) => ({
        destination,
        source,
        type: 'bind',
        options: ['rbind', 'nosuid', 'nodev', 'noexec', mode],
      })),
    ],
    linux: {
      ...made.linux,
      namespaces: made.linux.namespaces.filter(({ type }) => type !== 'network'),
      cgroupsPath: `/${id}`,
      resources: { ...made.linux.resources, memory: { limit: memoryBytes }, pids: { limit: pids } },
      seccomp: seccompProfile(),
    },
  };
  writeFileSync(join(path, 'config.json'), JSON.stringify(specification));
  return path;
}
