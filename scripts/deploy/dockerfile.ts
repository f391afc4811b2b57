/** What a Dockerfile must not do. */
import { isExactImage } from './lint-pods.js';
import type { Problem } from './manifest.js';

interface Instruction {
  readonly name: string;
  readonly text: string;
}

function instructions(file: string): readonly Instruction[] {
  const lines = file
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  return lines.flatMap((line) => {
    const [, name = '', text = ''] = /^([A-Za-z]+)\s+(.+)$/.exec(line) ?? [];
    return name === '' ? [] : [{ name: name.toUpperCase(), text: text.trim() }];
  });
}

const isExecForm = (text: string) => /^\[\s*".*\]$/.test(text);
const SECRET = /(password|passwd|secret|token|api_?key|private_?key)\w*\s*=\s*\S/i;

export function lintDockerfile(file: string): readonly Problem[] {
  const all = instructions(file);
  const named = (list: readonly Instruction[], name: string) => list.filter((each) => each.name === name);
  const from = named(all, 'FROM').map(({ text }) => text);
  const last = all.slice(all.findLastIndex(({ name }) => name === 'FROM'));
  const runs = named(all, 'RUN').map(({ text }) => text);
  const defaults = new Map(
    named(all, 'ARG').map(({ text }) => text.split('=', 2) as [string, string | undefined]),
  );
  const stages = new Set(['scratch', ...from.flatMap((text) => / AS (\S+)$/i.exec(text)?.[1] ?? [])]);
  const bases = from.map((text) => text.split(' ')[0] ?? '').filter((base) => !stages.has(base));
  const base = (text: string) => defaults.get(/^\$\{(\w+)\}$/.exec(text)?.[1] ?? '');
  const [user = ''] = named(last, 'USER').map(({ text }) => text);
  const copies = all.filter(({ name }) => name === 'COPY' || name === 'ADD');
  const process = last.filter(({ name }) => name === 'ENTRYPOINT' || name === 'CMD');
  const command = process.map(({ text }) => text).join(' ');

  const checks: readonly (readonly [rule: string, isBroken: boolean, message: string])[] = [
    ['base', bases.some((text) => !/^\$\{\w+\}$/.test(text)), 'bases are named by build arguments'],
    ['base', bases.some((text) => !isExactImage(base(text) ?? '')), 'a base needs an exact version'],
    [
      'base',
      !/^scratch\b/.test(from.at(-1) ?? ''),
      'the last stage begins with scratch: no shell, no package manager',
    ],
    ['stages', from.length < 2, 'builds and runs in one stage'],
    [
      'shell',
      last.some(({ name }) => name === 'RUN' || name === 'SHELL'),
      'the last stage has no shell to run anything',
    ],
    ['user', Number(/^(\d+):\d+$/.exec(user)?.[1] ?? 0) < 10_000, 'USER must be numbers, 10000 or more'],
    [
      'exec-form',
      process.length === 0 || process.some(({ text }) => !isExecForm(text)),
      'a shell as PID 1 keeps signals',
    ],
    [
      'exec-form',
      !/node"/.test(command) || /npm|yarn/.test(command),
      'node itself is PID 1: npm does not pass signals on',
    ],
    ['install', runs.some((text) => /npm[", ]+(install|i)\b/.test(text)), 'npm ci: the lockfile decides'],
    [
      'scripts',
      runs.some((text) => /npm[", ]+ci/.test(text) && !text.includes('--ignore-scripts')),
      'runs scripts of dependencies',
    ],
    [
      'production',
      !runs.some((text) => /npm[", ]+ci.*--omit=dev/.test(text)),
      'ships development dependencies',
    ],
    [
      'secrets',
      all.some(({ name, text }) => /^(ENV|ARG)$/.test(name) && SECRET.test(text)),
      'a secret in a layer',
    ],
    [
      'secrets',
      copies.some(({ text }) => /\.env\b|\.npmrc|\.git\b|\.pem|\.key/.test(text)),
      'a secret in a layer',
    ],
    [
      'copy',
      copies.some(({ name, text }) => name === 'ADD' || /^\.\/?\s/.test(text)),
      'copies whatever is there, or fetches it',
    ],
    ['health', all.some(({ name }) => name === 'HEALTHCHECK'), 'health is the platform\u2019s to ask'],
    [
      'download',
      runs.some((text) => /\b(curl|wget)\b|apt-get|apk add/.test(text)),
      'fetches what no lockfile names',
    ],
  ];
  return checks
    .filter(([, isBroken]) => isBroken)
    .map(([rule, , message]) => ({ rule, where: 'Dockerfile', message }));
}

/** A list of what may come in: a list of what may not forgets the next secret. */
export function lintDockerignore(file: string): readonly Problem[] {
  const lines = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const problem = (message: string) => [{ rule: 'ignore', where: '.dockerignore', message }];
  if (lines[0] !== '*') return problem('must begin with *');
  return lines.slice(1).some((line) => !/^![\w./-]+$/.test(line) || /\.env|\.git|api-keys|\/$/.test(line))
    ? problem('lets in more than named files and folders of the source')
    : [];
}
