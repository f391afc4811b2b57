/** `npm run docs:alerts`: writes what the Kubernetes component has from `deploy/monitoring`, the alerts as a PrometheusRule. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parse, stringify } from 'yaml';
import { NAME } from './name.js';
import { onlyHelp } from './only-help.js';

const read = (name: string) => readFileSync(new URL(`../deploy/monitoring/${name}`, import.meta.url), 'utf8');
const COMPONENT = new URL('../deploy/kubernetes/components/monitoring/', import.meta.url);

/** Each file of the component by its name. */
export function written(): Readonly<Record<string, string>> {
  const labels = { 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/component': 'alerts' };
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: NAME, labels },
    spec: parse(read('alerts.yaml')) as object,
  };
  const head = '# Written by `npm run docs:alerts` from deploy/monitoring/alerts.yaml: change it there.\n';
  return { 'alerts.yaml': head + stringify(rule), 'dashboard.json': read('dashboard.json') };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  onlyHelp(
    'npm run docs:alerts\n\nWrites the alerts and the dashboard of deploy/monitoring into the Kubernetes component.\n',
  );
  for (const [name, text] of Object.entries(written())) writeFileSync(new URL(name, COMPONENT), text);
}
