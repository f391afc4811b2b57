/** The alert rules and the dashboard: that they fire, name what exists, and say what to do. */
import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { written } from '../../scripts/alert-rules.js';
import { unknownMetrics } from '../../scripts/deploy/lint-metrics.js';
import { REFUSAL_CODES } from '../../src/server/refusal.js';
import { anchors, blocks, pages, read, ROOT } from '../helpers/pages.js';
import { describeWithPrograms } from '../helpers/programs.js';
import { type AlertCase, CASES } from './alert-series.js';
import { unknownLabels } from './metric-labels.js';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<'summary' | 'runbook_url', string>>;
}

const RULES = 'deploy/monitoring/alerts.yaml';
const DASHBOARD = 'deploy/monitoring/dashboard.json';
const { groups } = parse(read(RULES)) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter((rule) => rule.alert !== undefined);
const names = alerts.map(({ alert = '' }) => alert);

describeWithPrograms(['promtool'], 'by promtool', () => {
  test('each alert fires on series that mean it, and not on those that come near', () => {
    const tests = alerts.flatMap((rule) => {
      const { fires, near, labels = {} } = CASES[rule.alert ?? ''] as AlertCase;
      const firing = { exp_labels: { ...rule.labels, ...labels }, exp_annotations: rule.annotations };
      return [testOf(rule, fires, [firing]), testOf(rule, near, [])];
    });
    expect(promtool('test', { rule_files: [join(ROOT, RULES)], evaluation_interval: '1m', tests })).toBe('');
  });

  test('every query of the dashboard and of the objectives is one', () => {
    const queries = [...dashboardQueries(), ...pageQueries()];
    const groups = [{ name: 'all', rules: queries.map((expr, i) => ({ record: `q${i}`, expr })) }];
    expect(promtool('check', { groups })).toBe('');
    expect(queries.length).toBeGreaterThan(25);
  });
});

/** What it complains of. */
function promtool(command: 'test' | 'check', content: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'alerts-'));
  try {
    const file = join(folder, 'rules.yaml');
    writeFileSync(file, stringify(content));
    const { status, stdout, stderr } = spawnSync('promtool', [command, 'rules', file], { encoding: 'utf8' });
    return status === 0 ? '' : stdout + stderr || 'promtool did not run';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function testOf({ alert }: Rule, series: AlertCase['fires'], expected: readonly object[]) {
  const alert_rule_test = [{ eval_time: '30m', alertname: alert, exp_alerts: expected }];
  return { interval: '1m', input_series: series, alert_rule_test };
}

function dashboardQueries(): readonly string[] {
  const { panels } = JSON.parse(read(DASHBOARD)) as {
    readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
  };
  const all = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  return all.map((expr) => expr.replaceAll('$__rate_interval', '1m'));
}

function pageQueries(): readonly string[] {
  const all = pages().flatMap((page) => blocks(read(page)));
  return all.filter(({ language }) => language === 'promql').map(({ text }) => text);
}

test('every alert has its series, its section with what to look at and to do, and a link to it', () => {
  expect(Object.keys(CASES)).toEqual(names);
  const page = read('docs/runbooks.md');
  const sections = page.split(/^## /m).slice(1);
  const heads = sections.map((section) => /^(\w+)\n\n_(\w+): (.+)_\n/.exec(section)?.slice(1));
  expect(heads).toEqual(
    alerts.map(({ alert, labels, annotations }) => [alert, labels?.['severity'], annotations?.summary]),
  );
  for (const section of sections) expect(section).toMatch(/\n\*\*Look at\*\*\n- [^]*\n\*\*Do\*\*\n- /);
  const linked = alerts.map(({ annotations }) => annotations?.runbook_url.split('/docs/runbooks.md#')[1]);
  expect(linked).toEqual(names.map((name) => name.toLowerCase()));
  expect(anchors(page)).toEqual(expect.arrayContaining(linked));
});

test('rules and dashboard name only metrics, recorded rules and refusal codes that exist', async () => {
  const queries = [...rules.map(({ expr }) => expr), ...dashboardQueries(), read('docs/slo.md')];
  const withoutLabels = queries.join('\n').replaceAll(/"[^"\n]*"/g, '""');
  expect(await unknownMetrics(withoutLabels)).toEqual([]);
  expect(await unknownMetrics('rate(mcp_server_invented_total[5m])')).toEqual(['mcp_server_invented_total']);

  const recorded = new Set(rules.map(({ record }) => record));
  const used = queries.flatMap((text) => [...text.matchAll(/\bmcp_server:\w+:\w+/g)].map(([name]) => name));
  expect(used.filter((name) => !recorded.has(name))).toEqual([]);
  const codes = queries.flatMap((text) => [...text.matchAll(/\bcode=~?"([^"]+)"/g)].map(([, list]) => list));
  const known: readonly string[] = REFUSAL_CODES;
  expect(codes.flatMap((list) => list?.split('|')).filter((code) => !known.includes(code ?? ''))).toEqual([]);
});

test('they ask for labels and bounds that these metrics have', async () => {
  const queries = [...rules.map(({ expr }) => expr), ...dashboardQueries(), ...pageQueries()];

  expect(await unknownLabels(queries)).toEqual([]);
  const wrong =
    'mcp_server_operation_duration_seconds_bucket{outcome="ok",le="0.3"} + mcp_server_refusals_total{tool="t"}';
  expect(await unknownLabels([wrong])).toEqual(['le="0.3"', 'tool="t"']);
});

test('what the Kubernetes component has is what `npm run docs:alerts` writes', () => {
  for (const [name, text] of Object.entries(written())) {
    const path = join(ROOT, 'deploy/kubernetes/components/monitoring', name);
    expect(readFileSync(path, 'utf8')).toBe(text);
  }
});
