/** The documents say only what the code does, as far as a machine can tell. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe as group, expect, test } from '@jest/globals';
import { SECTIONS } from '../scripts/config-docs.js';
import { describe } from '../src/server/config/values.js';
import { REFUSAL_CODES, RefusedRequest, type RefusalCode } from '../src/server/refusal.js';
import { anchors, blocks, folders, links, pages, read, ROOT } from './helpers/pages.js';

const LIFECYCLE = 'docs/request-lifecycle.md';
const all = pages();

/** What each page has that it should not have, by page. */
function problems(find: (path: string) => readonly unknown[]): object {
  const found = all.map((path) => [path, find(path)] as const);
  return Object.fromEntries(found.filter(([, list]) => list.length > 0));
}

group('links', () => {
  test('lead somewhere', () => {
    const isBroken = ({ target, anchor }: { target: string; anchor: string }) => {
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== '' && !anchors(read(target)).includes(anchor);
    };
    expect(problems((path) => links(path).filter(isBroken))).toEqual({});
  });

  test('labelled with the name of a file lead to that file', () => {
    const labelled = (path: string) => [...read(path).matchAll(/\[([\w./-]+\.(?:ts|md))\]\(([^)#]+)/g)];
    const isElsewhere = ([, label, target]: RegExpExecArray) => !`/${target}`.endsWith(`/${label}`);
    expect(
      problems((path) =>
        labelled(path)
          .filter(isElsewhere)
          .map(([text]) => text),
      ),
    ).toEqual({});
  });

  test('lead from the README to every page of docs/', () => {
    const reached = new Set(['README.md']);
    for (const path of reached) {
      for (const { target } of links(path)) if (all.includes(target)) reached.add(target);
    }
    expect(all.filter((path) => path.startsWith('docs/') && !reached.has(path))).toEqual([]);
  });
});

group('refusals', () => {
  const [answers = '', table = ''] = read(LIFECYCLE).split('## Every refusal code');
  const statuses = new Map<string, number[]>();
  for (const [, status, code = ''] of answers.matchAll(/^- (\d{3}) `(\w+)`/gm))
    statuses.set(code, [...(statuses.get(code) ?? []), Number(status)]);

  test('every code, and no other, is an answer of the page, and has its status there', () => {
    expect([...statuses.keys()].sort()).toEqual([...REFUSAL_CODES].sort());
    const isMissing = (code: RefusalCode) => !statuses.get(code)?.includes(new RefusedRequest(code).status);
    expect(REFUSAL_CODES.filter(isMissing)).toEqual([]);
  });

  test('a JSON-RPC code that is not the status is in its table, and no other', () => {
    const rows = [...table.matchAll(/^\| `(\w+)` \| (-\d+)/gm)].map(([, code, rpc]) => [code, Number(rpc)]);
    const own = REFUSAL_CODES.map((code) => [code, new RefusedRequest(code)] as const);
    const expected = own.filter(([, { status, rpcCode }]) => status !== rpcCode);
    expect(new Map(rows as [])).toEqual(new Map(expected.map(([code, { rpcCode }]) => [code, rpcCode])));
  });

  test('no page names a code with a status that it does not have', () => {
    const isWrong = ([, status, code = '']: RegExpExecArray) => !statuses.get(code)?.includes(Number(status));
    const named = (path: string) => [...read(path).matchAll(/\b([45]\d\d) `([a-z_]+)`/g)];
    expect(
      problems((path) =>
        named(path)
          .filter(isWrong)
          .map(([text]) => text),
      ),
    ).toEqual({});
  });
});

group('the order of the layers', () => {
  const NAMES: Readonly<Record<string, string>> = {
    overloadGuard: 'overload',
    'identity.metadata': 'resourceMetadata',
  };
  const [, listed = ''] = /\bphases: Phases = \{\n(.*?)\n {2}\};/s.exec(read('src/server/pipeline.ts')) ?? [];
  const used = listed.matchAll(
    /(?:^ {6}|^ {4}\w+: \[|(?<=^ {4}audit: .*\), ))(?:answerAt\(\w+, )?(?!answerAt)(\w[\w.]*)/gm,
  );
  const order = [...used]
    .map(([, layer, call]) => layer ?? call ?? '')
    .map((name) => NAMES[name] ?? name)
    .concat('errorResponse');

  test('of the lifecycle page is that of src/server/pipeline.ts', () => {
    const headings = [...read(LIFECYCLE).matchAll(/^### (\d+)\. `(\w+)`$/gm)];
    expect(headings.map(([, , name]) => name)).toEqual(order);
    expect(headings.map(([, number]) => Number(number))).toEqual(order.map((_, index) => index + 1));
  });

  test('in the drawing of README.md is that of src/server/pipeline.ts', () => {
    const DRAWN: Readonly<Record<string, string>> = {
      rateLimitAddress: 'rateLimit(address)',
      rateLimitCaller: 'rateLimit(caller)',
    };
    const drawing = blocks(read('README.md')).find(({ text }) => text.includes('requestId ─'))?.text ?? '';
    const layers = drawing
      .slice(drawing.indexOf('requestId'), drawing.indexOf('─┬─'))
      .match(/[a-z][\w()]*/gi);
    const notDrawn = ['deprecation', 'resourceMetadata', 'errorResponse'];
    const expected = order.filter((name) => !notDrawn.includes(name)).map((name) => DRAWN[name] ?? name);
    expect(layers).toEqual(expected);
  });
});

test('every known limit names the test that shows it, or says that it is yours', () => {
  const [, limits = ''] = read('SECURITY.md').split('### Known limits');
  const each = limits.split(/^- /m).slice(1);
  expect(each.length).toBeGreaterThan(10);
  expect(each.filter((text) => !/\]\(test\/[\w/-]+\.test\.ts\)|\*\*Yours/.test(text))).toEqual([]);
});

group('names', () => {
  test('of npm scripts exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const command = /\bnpm (?:run (?:-s |--silent )?([a-z][\w:.-]*)|(start|test)\b)/g;
    const named = (path: string) => [...read(path).matchAll(command)].map(([, run, own]) => run ?? own ?? '');
    expect(problems((path) => named(path).filter((name) => !(name in scripts)))).toEqual({});
  });

  test('of environment variables are known to the configuration, or set by the page itself', () => {
    const forms = Object.values(SECTIONS).flatMap((section) => Object.entries(section));
    const secrets = forms.filter(([, form]) => describe(form).secret).map(([name]) => `${name}_FILE`);
    const known = new Set([...NOT_OURS, ...secrets, ...forms.map(([name]) => name)]);
    const unknown = (path: string) => {
      const page = read(path);
      const code = blocks(page).filter(({ language }) => language === 'ts');
      const own = code.flatMap(({ text }) =>
        [...text.matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => name),
      );
      const text = page.replaceAll(/^```(?:ts|diff) .*?^```$/gms, '');
      const named = [...text.matchAll(/(?<![\w.])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g)].map(([name]) => name);
      return named.filter(
        (name) => !known.has(name) && !name.startsWith('OTEL_') && !own.includes(name.replace(/_FILE$/, '')),
      );
    };
    expect(problems(unknown)).toEqual({});
  });
});

test.each(folders('src'))(
  '%s has a README that says whose it is and names only files that exist',
  (folder) => {
    const page = read(`${folder}/README.md`);
    expect(page.split('\n')[0]).toMatch(/^[*_](Yours|Template)[*_.]/);
    const rows = [...page.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = '']) => cell);
    const files = rows.flatMap((cell) => [...cell.matchAll(/`([\w./-]+\.ts)`/g)].map(([, file]) => file));
    expect(files.filter((file) => !existsSync(join(ROOT, folder, String(file))))).toEqual([]);
  },
);

/** A form of names, and variables of the tests, of the proxies and of clients. */
const NOT_OURS = `
  NAME_FILE REQUIRE_ALL NODE_IMAGE NODE_OPTIONS KUBERNETES_OPENAPI
  PROXY_HOST PROXY_PORT PROXY_TLS PROXY_READY_PORT PROXY_REPLICA_1 PROXY_REPLICA_2 PROXY_REPLICA_3
  MCP_API_KEY AUTH_HEADER CLIENT_ID MCP_AUTO_OPEN_ENABLED
`.split(/\s+/);

test('each security entry of the changelog for the next version names the files, so that a clone can look at its own', () => {
  const [, unreleased = ''] = /^## \[Unreleased\]\n([^]*?)^## /m.exec(read('CHANGELOG.md')) ?? [];
  const [, security = ''] = /^### Security\n([^]*?)(?:^### |$(?![^]))/m.exec(unreleased) ?? [];
  const entries = security.split(/^- /m).slice(1);
  const named = (entry: string) =>
    [...entry.matchAll(/`((?:src|scripts|deploy)\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(entries.filter((entry) => named(entry).length === 0)).toEqual([]);
  expect(entries.flatMap(named).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
