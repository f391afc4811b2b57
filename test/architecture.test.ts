/** Who may import whom, and how long it may get. A new rule, or an exception, is a line of a table with its reason. */
import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/**
 * Each part of `src`, and what it may import besides itself and Node: parts, single files, packages.
 * `type x` allows `import type` only. The parts are folders, except for those that `partOf` names.
 */
const MAY_IMPORT: Readonly<Record<string, string>> = {
  // Each other, the doors of the server, and libraries of your own. The server imports nothing of yours.
  yours: 'index, commands',
  // The template's.
  index: 'process, process-stdio, helpers, mcp, mcp/extensions/tasks, type grants',
  process: 'command-line, config, exit, start, welcome, observe, type mcp',
  // Without layers and a pipeline it puts the same parts together itself.
  'process-stdio':
    'close-services, command-line, config, exit, process, assemble-mcp, mcp/definitions/digests, mcp/stdio, observe, stores, type mcp',
  // Processes of their own: they try and change what the server would open, and compile what it would serve.
  commands:
    'command-line, config, exact-names, open-verifiers, served-tools, refusal, jose, identity, http, observe, stores, stores/redis, redis, ' +
    'mcp/definitions/catalog, mcp/definitions/digests, mcp/extensions/extension, type mcp',
  'command-line': '',
  // An error that nobody caught is given to the call that it belongs to.
  exit: 'command-line, mcp, type observe',
  welcome: 'type start',
  // `atPort` of config is a value: only who listens knows the port that was asked for as 0.
  start: 'close-services, config, http, pipeline, stores, observe, mcp/definitions/digests, type mcp',
  // What Node refuses before a layer runs gets the audit record and the answer that a layer would give.
  http: 'refusal, layers, type config, type observe, type express, type identity, type stores',
  // What both ways in share.
  // `ConfigError` is a value: which tools there are is known only here.
  'assemble-mcp': 'mcp, config, served-tools, type observe, type stores',
  'served-tools': 'type config, type mcp',
  // What identity verifies by, how the guards write names, and the type of a clone's settings.
  config: 'zod, exact-names, identity/algorithms, type mcp',
  pipeline:
    'express, config, exact-names, open-verifiers, layers, identity, grants, http, mcp, assemble-mcp, mcp/era-2025, mcp/era-2026, mcp/http-sse, ' +
    'type observe, type stores',
  // `ConfigError` is a value: a broken key file is a bad configuration, seen when it is opened.
  'open-verifiers': 'config, identity',
  // Values: the class by which a store that cannot answer is told from a bug, `callerKey`, whose limit it is, and what
  // cuts a credential out of a path.
  layers:
    'refusal, exact-names, raw-headers, express, helmet, cors, stores/types, identity/caller, observe/redact, type identity, type observe',
  // zod checks the key file, which is read again while the server runs; the metadata is one express handler.
  identity: 'jose, oauth4webapi, zod, refusal, exact-names, raw-headers, type express, type stores',
  // Whose a grant is, and what a tool is told, are values; tokens are asked for within the bounds of the helpers.
  grants:
    'oauth4webapi, exact-names, refusal, helpers, identity/caller, mcp/definitions/errors, mcp/definitions/grants, ' +
    'type express, type identity, type stores, stores/kept-values',
  // The SDK for two files: its own classifier says what belongs to which era, its schemas what a result is.
  // `callerKey` is a value: whose unread answers are counted. Definitions have digests in canonical JSON, as records have.
  mcp:
    'zod, refusal, exact-names, identity/caller, observe/canonical-json, ajv, @modelcontextprotocol/server, ' +
    'type express, type grants, type identity, type observe, type stores',
  // `callerKey` is a value: what a session, a stream or a sealed state belongs to.
  'mcp/era-2025':
    'mcp, mcp/http-sse, refusal, @modelcontextprotocol/sdk, identity/caller, ' +
    'type express, type observe, type stores',
  'mcp/era-2026':
    'mcp, refusal, @modelcontextprotocol/server, identity/caller, ' +
    'type express, type observe, type stores',
  // What a store says is a value, as elsewhere; answers of a task have the shapes that the revision's SDK knows.
  'mcp/extensions/tasks':
    'mcp, mcp/era-2026, refusal, stores/types, stores/task-store, identity/caller, type identity, type observe, type stores',
  'mcp/http-sse':
    'mcp, mcp/era-2025, layers, refusal, identity/caller, type express, type observe, type stores',
  'mcp/stdio':
    'mcp, mcp/era-2026, layers, refusal, @modelcontextprotocol/server, identity/caller, ' +
    'type observe, type stores',
  stores: 'refusal, stores/redis, type observe',
  'stores/redis': 'stores, rate-limiter-flexible, redis, type observe',
  // Refusal codes are the closed set of one label, and a broken audit is itself refused. Spans begin in layers, and
  // say which server they are of.
  observe:
    'pino, prom-client, refusal, exact-names, mcp/definitions/server-info, @opentelemetry/api, @opentelemetry/core, @opentelemetry/resources, ' +
    '@opentelemetry/exporter-trace-otlp-proto, @opentelemetry/sdk-trace-node, type express, type config',
  refusal: '',
  'close-services': '',
  'exact-names': '',
  'raw-headers': '',
  // They know no call: a credential cannot leave by them. `ToolError` is a value: what a caller may read.
  helpers: 'ipaddr.js, jose, oauth4webapi, exact-names, mcp/definitions/tool, type identity',
  // What the layers put on a request.
  'express.d': 'type identity, type mcp, type observe, type stores',
};

/** The files of `layers` that check nothing themselves; the only ones that a layer may import. */
const LAYER_HELPERS = ['client-address', 'parse-json', 'request-path'];
/** The only files that know an SDK: an era can change or leave without the rest. */
const SDK_FILES = [
  'mcp/envelope/classify-era',
  'mcp/calls/require-result',
  'mcp/era-2025/engine',
  'mcp/era-2026/engine',
  'mcp/stdio/answer-request',
  'mcp/stdio/stdio',
  'mcp/stdio/transport',
];
/**
 * The most lines that a folder of `src/server` may have, without its folders. Whoever raises a number writes the reason
 * behind it, in the same line; whoever makes a folder smaller lowers it.
 */
const LINES: Readonly<Record<string, string>> = {
  '.': '1075 because opaque tokens are introspected, credentials can be withdrawn, the door has helpers, the audit is signed, users connect accounts, what a clone opened is closed within the grace, bound tokens need proofs, and tools can be left out',
  commands: '625 because operators are told why a token is refused, and the audit is checked and searched',
  'commands/audit': '775 because it proves what is missing, moved or altered, and writes for other programs',
  'commands/doctor':
    '800 because introspection is tried, definitions are compared with a file, and Redis is run in three ways',
  config:
    '1000 because the audit is signed, opaque tokens are introspected, bound tokens need proofs, tools can be left out, and Redis is run in three ways',
  grants: '550 because tokens of users are kept and renewed, and whoever connects must be who was asked',
  helpers:
    '825 because Node offers no fetch that goes only where it is told, and tokens for other APIs are kept',
  http: '550 because unread answers have a clock of their own, and the last ones close their connections',
  identity:
    '1575 because the key of a caller is made once, tokens are bound to certificates, opaque tokens are introspected, credentials can be withdrawn with all that they opened, each provider writes its claims in its own way, and a bound token needs a proof of its key',
  layers: '950 because a clone that edits a layer must stay green',
  mcp: '50 because a clone may list extensions',
  'mcp/calls':
    '850 because credentials can be withdrawn, users are sent to URLs, by what each revision has for it, a tool decides by the arguments, storms of changes are coalesced, what may be lost is told again, and prompts are closed',
  'mcp/definitions':
    '1025 because definitions have digests, users are sent to URLs and connect accounts, a z.object is closed at any depth, and all that a definition says is sent and checked',
  'mcp/envelope': '425',
  'mcp/era-2025':
    '1175 because what other replicas do to a session comes here only while it has something open',
  'mcp/era-2026':
    '675 because calls become tasks, users are sent to URLs, and results carry a _meta of a definition',
  'mcp/exchange': '375 because a reader is slow only when its socket took nothing',
  'mcp/extensions': '100 because an extension may open methods',
  'mcp/extensions/apps': '150',
  'mcp/extensions/tasks': '400 because credentials can be withdrawn, and a task answers on every replica',
  'mcp/http-sse': '175 because all of HTTP+SSE lies here, so that one commit can delete it',
  'mcp/stdio': '400 because a tool can wait for room on stdout',
  observe:
    '1575 because the audit is chained and signed, a trail is a class, and what is refused may not use up the queue',
  stores: '425 because tasks and grants outlive their requests, and messages concern some replicas only',
  'stores/memory':
    '725 because messages have names, tasks and grants outlive their requests, and the least recently used session makes room, within the memory of its owner',
  'stores/redis':
    '1800 because messages go only to the replicas that they concern, tasks and grants outlive their requests, it says why Redis refuses the server, and speaks to a Cluster and to Sentinel',
};
const LINES_OF_ALL = 18650; // a record is verified as it is written; definitions have digests; bound tokens are refused where nobody checks their proof, and every ended stream has room in the audit; tokens are bound to certificates; why a token is refused; the audit is chained, signed and verified; opaque tokens; credentials can be withdrawn; messages between replicas only where they concern somebody; accounts that users connect; tokens as providers issue them; tasks, apps and URLs for users; Redis in three ways; safe helpers; bound tokens; arguments are closed

/** What a newcomer reads to follow one request from the socket to a tool: files, and folders whole. */
const PATH_OF_A_REQUEST = [
  ['yours/main', 'process', 'start', 'pipeline', 'layers/', 'mcp/envelope/'],
  ['mcp/calls/authorize', 'mcp/calls/call', 'mcp/calls/call-tool', 'mcp/calls/run-definition'],
  [
    'express.d',
    'refusal',
    'raw-headers',
    'identity/caller',
    'stores/types',
    'mcp/definitions/tool',
    'mcp/definitions/context',
  ], // the types that these use
].flat();
const LINES_OF_THE_PATH = 2700;
const ENTRIES = [
  ...['main', 'stdio', 'doctor', 'key', 'token'].map((name) => `yours/${name}`),
  'commands/audit',
];
/** What the clone's own files may import of the server. */
const DOORS = ['index', 'commands/doctor', 'commands/key', 'commands/token'];
/** What the clone's own files use through a door alone. */
const NOT_YOURS = /^(?:express$|@modelcontextprotocol\/)/;

interface Import {
  readonly from: string;
  /** A file of `src`, or the name of a package. */
  readonly to: string;
  readonly isPackage: boolean;
  readonly isType: boolean;
}

/** Files of the server are named from its folder: `layers/cors`, not `server/layers/cors`. The others are yours. */
const fileOf = (path: string) =>
  path.startsWith('server/') ? path.slice('server/'.length) : `yours/${path}`;
const isYours = (file: string) => file.startsWith('yours/');

/** A file's part: the longest prefix in the table that names the file or a folder of it. */
function partOf(file: string): string {
  if (file === 'assemble-http') return 'pipeline';
  const segments = file.split('/');
  const prefixes = segments.map((_, index) => segments.slice(0, segments.length - index).join('/'));
  return prefixes.find((prefix) => Object.hasOwn(MAY_IMPORT, prefix)) ?? file;
}

/** `import { type A }` counts as a value: it still loads the module. */
function importsOf(from: string, source: string): readonly Import[] {
  const code = source.replaceAll(/\/\*.*?\*\//gs, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const statements = code.matchAll(/^(?:import|export)\b( type\b)?(?:[\w\s{},*$]+\bfrom)? ?'([^']+)'/gm);
  const calls = code.matchAll(/\b(?:import|require)\(\s*['"]([^'"]+)['"]/g);
  return [
    ...[...statements].map(([, type, to = '']) => resolve(from, to, type !== undefined)),
    ...[...calls].map(([, to = '']) => resolve(from, to, false)),
  ].filter(({ to }) => !to.startsWith('node:'));
}

function resolve(from: string, specifier: string, isType: boolean): Import {
  if (!specifier.startsWith('.')) {
    const to = specifier.startsWith('node:') ? specifier : (/^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '');
    return { from, to, isPackage: true, isType };
  }
  const file = isYours(from) ? from.slice('yours/'.length) : `server/${from}`;
  const to = new URL(specifier, `file:///src/${file}`).pathname.replace(/\.js$/, '');
  return {
    from,
    to: to.startsWith('/src/') ? fileOf(to.slice('/src/'.length)) : `..${to}`,
    isPackage: false,
    isType,
  };
}

const sources = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.replaceAll('\\', '/'))
    .map((name) => [fileOf(name).replace(/\.ts$/, ''), readFileSync(join(SRC, name), 'utf8')] as const),
);
const imports = [...sources].flatMap(([file, source]) => importsOf(file, source));

function isAllowed({ from, to, isPackage, isType }: Import): boolean {
  const part = partOf(from);
  if (isPackage && isYours(from)) return !NOT_YOURS.test(to);
  if (!isPackage && partOf(to) === part) return true;
  const names = isPackage ? [to] : [to, partOf(to)];
  const allowed = (MAY_IMPORT[part] ?? '').split(', ');
  return names.some((name) => allowed.includes(name) || (isType && allowed.includes(`type ${name}`)));
}

const written = ({ from, to, isType }: Import) => `${from} → ${isType ? 'type ' : ''}${to}`;

test('every import is one that the table allows', () => {
  expect(imports.length).toBeGreaterThan(300);
  expect(imports.filter((one) => !isAllowed(one)).map(written)).toEqual([]);
});

test('every file belongs to a part of the table, and every part but the Redis one has files', () => {
  const parts = new Set([...sources.keys()].map(partOf));
  expect([...parts].filter((part) => !Object.hasOwn(MAY_IMPORT, part))).toEqual([]);
  const isEmpty = (part: string) => !parts.has(part) && part !== 'stores/redis';
  expect(Object.keys(MAY_IMPORT).filter(isEmpty)).toEqual([]);
});

test('yours imports the doors of the server and nothing else of it, and the server nothing of yours', () => {
  const own = imports.filter(({ isPackage }) => !isPackage);
  const crossing = own.filter(({ from, to }) => isYours(from) !== isYours(to));
  expect(crossing.filter(({ to }) => !DOORS.includes(to)).map(written)).toEqual([]);
  expect(crossing.length).toBeGreaterThan(5); // without samples there are few
});

test('no layer knows another layer', () => {
  const between = imports.filter(({ from, to }) => partOf(from) === 'layers' && to.startsWith('layers/'));
  const helpers = new Set(LAYER_HELPERS.map((name) => `layers/${name}`));
  expect(between.filter(({ to }) => !helpers.has(to)).map(written)).toEqual([]);
  expect([...helpers].filter((file) => /RequestHandler|\bnext\b/.test(sources.get(file) ?? 'next'))).toEqual(
    [],
  );
});

test('an SDK is known to one small file of each era, to stdio and to the classification', () => {
  const knowing = imports.filter(({ to }) => to.startsWith('@modelcontextprotocol/')).map(({ from }) => from);
  expect([...new Set(knowing)].sort()).toEqual([...SDK_FILES].sort());
});

test('the environment reaches the configuration and nobody else in the server', () => {
  const server = [...sources].filter(([file]) => partOf(file) !== 'commands');
  const readers = server.filter(([, source]) =>
    /process\.env|\benv\b.*'node:process'/.test(source.replaceAll('loadConfig(process.env, settings', '')),
  );
  expect(readers.map(([file]) => file)).toEqual([]);
  const callers = [...sources].filter(([, source]) => source.includes('loadConfig(process.env, settings'));
  expect(callers.map(([file]) => file).sort()).toEqual(['process', 'process-stdio']);
});

test('only the pipeline mounts a layer', () => {
  const mounting = [...sources].filter(([, source]) => /\.use\(/.test(source));
  expect(mounting.map(([file]) => file)).toEqual(['pipeline']);
});

test('no file imports itself, by whatever detour, types included', () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file)) return;
    for (const { to } of imports.filter((one) => one.from === file && !one.isPackage))
      walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of sources.keys()) walk(file, []);
  expect(cycles).toEqual([]);
});

test('every file is used by an entry, and nothing outside src is', () => {
  const used = new Set<string>();
  const visit = (file: string): void => {
    if (used.has(file)) return;
    used.add(file);
    for (const { to, isPackage } of imports.filter(({ from }) => from === file)) if (!isPackage) visit(to);
  };
  ENTRIES.forEach(visit);
  expect([...used].filter((file) => !sources.has(file))).toEqual([]);
  expect([...sources.keys()].filter((file) => !used.has(file) && !file.endsWith('.d'))).toEqual([]);
});

const linesOf = (files: readonly string[]) =>
  files.reduce((sum, file) => sum + (sources.get(file) ?? '').split('\n').length - 1, 0);
const folderOf = (file: string) => file.split('/').slice(0, -1).join('/') || '.';

test('no folder of the server has more lines than its budget, nor has the server', () => {
  const server = [...sources.keys()].filter((file) => !isYours(file));
  const lines = [...new Set(server.map(folderOf))].map(
    (folder) => [folder, linesOf(server.filter((file) => folderOf(file) === folder))] as const,
  );
  const isOver = ([folder, count]: (typeof lines)[number]) =>
    count > Number.parseInt(LINES[folder] ?? '0', 10);
  expect(lines.filter(isOver)).toEqual([]);
  expect(linesOf(server)).toBeLessThanOrEqual(LINES_OF_ALL);
});

test('a budget is a multiple of 25, and what stands behind it is a reason', () => {
  expect(
    Object.values(LINES).filter((text) => !/^\d*(?:00|25|50|75)(?: because .{15,})?$/.test(text)),
  ).toEqual([]);
});

test('one request is followed from the socket to a tool in a reading of an hour', () => {
  const files = [...sources.keys()];
  const path = PATH_OF_A_REQUEST.map((name) =>
    files.filter((file) => (name.endsWith('/') ? file.startsWith(name) : file === name)),
  );
  expect(PATH_OF_A_REQUEST.filter((_, i) => path[i]?.length === 0)).toEqual([]);
  expect(linesOf(path.flat())).toBeLessThanOrEqual(LINES_OF_THE_PATH);
});

test('the checks see an import however it is written', () => {
  const source = `
    import type { A } from '../mcp/definitions/tool.js';
    import {
      type B,
      c,
    } from './cors.js';
    export { d } from '../../../test/helpers/raw-http.js';
    import 'redis/client';
    // import e from 'commented';
    const f = await import('../config/environment.js');
  `.replaceAll(/^ {4}/gm, '');
  const seen = importsOf('layers/x', source);
  expect(seen.map(written)).toEqual([
    'layers/x → type mcp/definitions/tool',
    'layers/x → layers/cors',
    'layers/x → ../test/helpers/raw-http',
    'layers/x → redis',
    'layers/x → config/environment',
  ]);
  expect(seen.filter((one) => !isAllowed(one))).toHaveLength(4); // all but the layer, which has its own test
  const own = [
    "import 'express';",
    "import 'pg';",
    "import './helper.js';",
    "import '../server/refusal.js';",
  ];
  const ofYours = own.flatMap((line) => importsOf('yours/tools/x', line));
  expect(ofYours.filter((one) => !isAllowed(one)).map(written)).toEqual([
    'yours/tools/x → express',
    'yours/tools/x → refusal',
  ]);
});
