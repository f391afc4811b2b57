/** The documents say only what the code does, as far as a machine can tell. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe as group, expect, test } from '@jest/globals';
import { describe } from '../src/config-describe.js';
import { SECTIONS } from '../src/config-schema.js';
import { REFUSAL_CODES, RefusedRequest, type RefusalCode } from '../src/refusal.js';
import {
  anchors,
  type Block,
  blocks,
  cloneWith,
  folders,
  links,
  pages,
  read,
  ROOT,
} from './helpers/pages.js';

const LIFECYCLE = 'docs/request-lifecycle.md';
const all = pages();

group('links', () => {
  test.each(all)('of %s lead somewhere', (path) => {
    const broken = links(path).filter(({ target, anchor }) => {
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== '' && !anchors(read(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('lead from the README to every page of docs/', () => {
    const reached = new Set(['README.md']);
    for (const path of reached) {
      for (const { target } of links(path)) {
        const page = target.endsWith('.md') ? target : `${target}/README.md`;
        if (all.includes(page)) reached.add(page);
      }
    }
    expect(all.filter((path) => path.startsWith('docs/') && !reached.has(path))).toEqual([]);
  });
});

group('refusals', () => {
  const table = read(LIFECYCLE).split('## Every refusal code')[1] ?? '';
  const rows = [...table.matchAll(/^\| `(\w+)` \| ([\d, ]+) \| (.+) \|$/gm)];
  const statuses = new Map(rows.map(([, code = '', list = '']) => [code, list.split(', ').map(Number)]));

  test('every code, and no other, is explained with its status and JSON-RPC code', () => {
    expect([...statuses.keys()].sort()).toEqual([...REFUSAL_CODES].sort());
    for (const [, code, list = '', rpcCode = ''] of rows) {
      const refusal = new RefusedRequest(code as RefusalCode);
      expect({ code, status: Number(list.split(', ')[0]) }).toEqual({ code, status: refusal.status });
      const shown = rpcCode === 'as the status' ? list : rpcCode;
      expect({ code, rpcCode: shown.startsWith(String(refusal.rpcCode)) }).toEqual({ code, rpcCode: true });
    }
  });

  test.each(all)('%s names no code with a status that it does not have', (path) => {
    const named = [...read(path).matchAll(/\b([45]\d\d) `([a-z_]+)`/g)];
    const wrong = named.filter(([, status, code = '']) => !statuses.get(code)?.includes(Number(status)));
    expect(wrong.map(([text]) => text)).toEqual([]);
  });

  test('every code is the answer of some layer', () => {
    const answers = read(LIFECYCLE).split('## Every refusal code')[0] ?? '';
    expect(REFUSAL_CODES.filter((code) => !answers.includes(`\`${code}\``))).toEqual([]);
  });
});

group('the order of the layers', () => {
  const used = [...read('src/pipeline.ts').matchAll(/\bapp\.(?:use|get)\(\s*(?:\[[^\]]*\],\s*)?([\w.]+)/g)];
  const names: Readonly<Record<string, string>> = {
    overloadGuard: 'overload',
    'identity.metadata': 'resourceMetadata',
  };
  const order = used.map(([, name = '']) => names[name] ?? name);

  test('of the lifecycle page is that of src/pipeline.ts', () => {
    const headings = [...read(LIFECYCLE).matchAll(/^### (\d+)\. `(\w+)`$/gm)];
    expect(headings.map(([, , name]) => name)).toEqual(order);
    expect(headings.map(([, number]) => Number(number))).toEqual(order.map((_, index) => index + 1));
  });

  test.each(['README.md', LIFECYCLE])('in the drawing of %s is that of src/pipeline.ts', (path) => {
    const drawing = blocks(read(path)).find(({ text }) => text.includes('requestId ─'))?.text ?? '';
    const drawn = [...drawing.matchAll(/(?:─|^ {3}) ?(rateLimit\(\w+\)|[a-z]\w+) ─/gm)].map(
      ([, name]) => name,
    );
    const aliases = { rateLimitAddress: 'rateLimit(address)', rateLimitCaller: 'rateLimit(caller)' };
    const expected = order.filter(
      (name) => !['resourceMetadata', 'errorResponse', 'eraRouter'].includes(name),
    );
    const shown = expected.map((name) => aliases[name as keyof typeof aliases] ?? name);
    expect(drawn.slice(0, shown.length)).toEqual(shown);
  });
});

group('names', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

  test.each(all)('%s names only npm scripts that exist', (path) => {
    const named = [...read(path).matchAll(/\bnpm (?:run (?:-s |--silent )?([a-z][\w:.-]*)|(start|test)\b)/g)];
    expect(named.map(([, run, own]) => run ?? own ?? '').filter((name) => !(name in scripts))).toEqual([]);
  });

  test.each(all)('%s names only variables that the configuration knows', (path) => {
    const page = read(path);
    const known = new Set(NOT_OURS);
    const own = blocks(page).filter(({ language }) => language === 'ts');
    for (const { text } of own)
      for (const [, name = ''] of text.matchAll(/^ {2}([A-Z_]+): /gm)) known.add(name);
    for (const section of Object.values(SECTIONS)) for (const name of Object.keys(section)) known.add(name);
    const secrets = Object.values(SECTIONS).flatMap((section) =>
      Object.entries(section).filter(([, form]) => describe(form).secret),
    );
    for (const [name] of secrets) known.add(`${name}_FILE`);
    const text = page.replaceAll(/^```ts.*?^```$/gms, '');
    const named = [...text.matchAll(/(?<![\w.])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g)].map(([name]) => name);
    expect(named.filter((name) => !known.has(name) && !known.has(name.replace(/_FILE$/, '')))).toEqual([]);
  });

  test.each(folders('src'))(
    '%s has a README that says whose it is and names only files that exist',
    (folder) => {
      const page = read(`${folder}/README.md`);
      expect(page.split('\n')[0]).toMatch(/^[*_](Yours|Template)[*_.]/);
      const files = [...page.matchAll(/^\| `([\w./-]+\.ts)`/gm)].map(([, file = '']) => `${folder}/${file}`);
      expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    },
  );
});

/** A form of names, an exit code, a variable of the tests. */
const NOT_OURS = ['NAME_FILE', 'EX_CONFIG', 'REQUIRE_ALL'];

group('examples', () => {
  const withCode = all.filter((path) => blocks(read(path)).some(({ language }) => language === 'ts'));
  const codeOf = (path: string): readonly Block[] =>
    blocks(read(path)).filter(({ language }) => language === 'ts');
  const node = (cwd: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
    return { status, output: status === 0 ? '' : stdout + stderr };
  };

  test.each(withCode)(
    'the code of %s compiles, and its tests pass',
    (path) => {
      const code = codeOf(path);
      expect(code.filter((block) => block.path === '')).toEqual([]);
      const clone = cloneWith(code);
      try {
        const compiled = node(
          clone.folder,
          'node_modules/typescript/bin/tsc',
          '--noEmit',
          '-p',
          'tsconfig.json',
        );
        expect(compiled).toEqual({ status: 0, output: '' });
        if (!code.some((block) => block.path.endsWith('.test.ts'))) return;
        const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--ci', '-i'];
        expect(node(clone.folder, ...jest)).toEqual({ status: 0, output: '' });
      } finally {
        clone.remove();
      }
    },
    60_000,
  );
});
