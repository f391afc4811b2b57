/** Shows the effect of the configuration and its problems, and tries what it names. */
import { parseArgs } from 'node:util';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_USAGE } from '../command-line.js';
import { readConfig } from '../config/index.js';
import type { ServerDefinition } from '../mcp/server-definition.js';
import { unknownTools } from '../served-tools.js';
import { tryAll } from './doctor/checks.js';
import { pinDefinitions } from './doctor/definitions.js';
import type { Finding } from './doctor/finding.js';
import { POSTURE } from './doctor/posture.js';

const USAGE = `Usage: npm run doctor [-- --json | --pin], or node dist/doctor.js after a build

Reads the configuration from the environment and prints its effect and every problem with its fix. Then it tries what the
configuration names: issuers and their clocks, introspection, keys, hosts and origins, proxies, Redis and the rights of its user, audit
files, certificates, the ports, and the connections of src/services.ts. It changes nothing; its entries in Redis expire
within seconds.
npm run doctor reads .env as npm start does. After a build:  node --env-file=.env dist/doctor.js

  --json   the same as one JSON object: posture, problems, findings
  --pin    only writes definitions.lock.json, a digest of each definition: later, the doctor names those that differ

Exit code: 0 when the server would start and work, 78 when it would not, 64 for a wrong argument, 1 when
--pin cannot write. Warnings do not count.
`;

/** Without tools, as older clones call it, the report does not say which are served. */
type Definition = Partial<ServerDefinition>;

interface Report {
  readonly posture: Readonly<Record<string, string>>;
  /** Why the server would not start. */
  readonly problems: ReturnType<typeof readConfig>['problems'];
  /** The results of the checks. */
  readonly findings: readonly Finding[];
}

export async function examine(definition: Definition, env = process.env): Promise<Report> {
  const { settings, tools } = definition;
  const { config, problems: found } = readConfig(env, settings);
  const problems = [...found, ...(tools ? unknownTools(tools, config) : [])];
  const atFault = new Set(problems.map(({ variable }) => variable));
  const own = ['tool settings', ...Object.keys(settings?.shape ?? {})];
  if (own.some((name) => atFault.has(name) || atFault.has(`${name}_FILE`))) atFault.add('settings');
  const posture = POSTURE.map(({ label, uses, text }) => {
    const isKnown = !uses.some((name) => atFault.has(name));
    return [label.trim(), isKnown ? text(config, tools) : 'see the problems'];
  });
  const findings = await tryAll(config, atFault, definition);
  return { posture: Object.fromEntries(posture), problems, findings };
}

function written({ posture, problems, findings }: Report): string {
  const layers = POSTURE.map(({ label }) => `  ${label.padEnd(20)}${posture[label.trim()]}`);
  const tried = findings.flatMap(({ check, level, message, fix }) => [
    `  ${level.padEnd(8)} ${check}: ${message}`,
    ...(fix === undefined ? [] : [`           fix: ${fix}`]),
  ]);
  const isWell = problems.length === 0 && !hasProblem(findings);
  const verdict = problems.length > 0 ? 'Problems: the server would not start.' : 'Problems: see above.';
  return [
    'Effective posture',
    ...layers,
    '',
    ...(tried.length > 0 ? ['Tried', ...tried, ''] : []),
    isWell ? 'No problem found.' : verdict,
    ...problems.map(({ variable, message }) => `  ${variable}: ${message}`),
    '',
  ].join('\n');
}

const hasProblem = (findings: readonly Finding[]) => findings.some(({ level }) => level === 'problem');

/** Prints the report and exits at once: a connection that stays open would keep the process alive. */
export async function runDoctor(definition: Definition): Promise<void> {
  try {
    const flag = { type: 'boolean' } as const;
    const { values } = parseArgs({ options: { help: flag, json: flag, pin: flag } });
    if (values.help) process.stdout.write(USAGE);
    else if (values.pin) process.stdout.write(`${pinDefinitions(definition)}\n`);
    else {
      const report = await examine(definition);
      const exitCode = report.problems.length > 0 || hasProblem(report.findings) ? EXIT_CONFIG : 0;
      const text = values.json ? `${JSON.stringify(report, null, 2)}\n` : written(report);
      process.stdout.write(text, () => process.exit(exitCode));
    }
  } catch (error) {
    const { message, code = '' } = error as NodeJS.ErrnoException;
    process.stderr.write(`${message}\nSee --help\n`);
    process.exitCode = code.startsWith('ERR_PARSE_ARGS') ? EXIT_USAGE : EXIT_FAILURE;
  }
}
