/** Rules for the image of this server; hadolint checks the style of the Dockerfile. */
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
    const [, name = '', text = ''] = /^([A-Z]+)\s+(.+)$/.exec(line) ?? [];
    return name === '' ? [] : [{ name, text: text.trim() }];
  });
}

export function lintDockerfile(file: string): readonly Problem[] {
  const all = instructions(file);
  const last = all.slice(all.findLastIndex(({ name }) => name === 'FROM'));
  const textOf = (name: string) => last.find((each) => each.name === name)?.text ?? '';
  const installs = all.filter(({ name, text }) => name === 'RUN' && /npm[", ]+(ci|install|i)\b/.test(text));
  const copies = all.filter(({ name }) => name === 'COPY' || name === 'ADD');

  const checks: readonly (readonly [rule: string, isBroken: boolean, message: string])[] = [
    [
      'base',
      textOf('FROM') !== 'scratch',
      'the last stage begins with scratch: no shell, no package manager',
    ],
    [
      'user',
      Number(/^(\d+):\d+$/.exec(textOf('USER'))?.[1] ?? 0) < 10_000,
      'USER must be numbers, 10000 or more: lower ones may be somebody on the host',
    ],
    [
      'process',
      !/^\["[^"]*\/node"(, "--[\w=-]+")*\]$/.test(textOf('ENTRYPOINT')) ||
        !textOf('CMD').startsWith('["dist/'),
      'node itself is PID 1: a shell or npm passes no signals on',
    ],
    [
      'install',
      installs.some(({ text }) => !/npm", "ci", "--ignore-scripts"/.test(text)),
      'npm ci --ignore-scripts: the lockfile decides, and no dependency runs a script',
    ],
    [
      'production',
      !installs.some(({ text }) => text.includes('--omit=dev')),
      'ships development dependencies',
    ],
    ['copy', copies.some(({ text }) => /^\.\/?\s/.test(text)), 'copies whatever is there'],
  ];
  return checks
    .filter(([, isBroken]) => isBroken)
    .map(([rule, , message]) => ({ rule, where: 'Dockerfile', message }));
}

/** An allow-list: a deny-list would miss the next secret. */
export function lintDockerignore(file: string): readonly Problem[] {
  const lines = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const problem = (message: string) => [{ rule: 'ignore', where: '.dockerignore', message }];
  if (lines[0] !== '*') return problem('must begin with *');
  return lines.slice(1).some((line) => !/^![\w./-]+$/.test(line) || /\.env|\.git|api-keys|\/$/.test(line))
    ? problem('lets in more than named files and folders of the source')
    : [];
}
