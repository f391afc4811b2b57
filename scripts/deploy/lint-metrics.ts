/** Alerts, dashboards and scaling may use only metrics that exist. */
import { createMetrics } from '../../src/server/observe/metrics.js';
import { type Labels, type Manifest, type Problem, whereIs } from './manifest.js';

/** Metrics of an expression that neither the server nor Node nor Prometheus has. */
export async function unknownMetrics(text: string): Promise<readonly string[]> {
  const metrics = createMetrics({ toolNames: [] });
  const known = new Set([...(await metrics.render()).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
  const named = [
    ...text.matchAll(/\b(?:mcp_\w+?|nodejs_\w+?|process_\w+?)(?=_(?:bucket|sum|count)\b|\b)/g),
  ].map(([name]) => name);
  return named.filter((name) => !known.has(name) && !['mcp_method_name', 'mcp_server'].includes(name));
}

/** An alert on a metric that does not exist never fires. */
export async function alertProblems(manifests: readonly Manifest[]): Promise<readonly Problem[]> {
  const texts = manifests.filter(
    (manifest) =>
      manifest.kind === 'PrometheusRule' ||
      (manifest.kind === 'HorizontalPodAutoscaler' && JSON.stringify(manifest).includes('"Pods"')) ||
      isDashboard(manifest.metadata.labels),
  );
  const found = await Promise.all(
    texts.map(async (manifest) => {
      const expressions = manifest.data ?? manifest.spec ?? {};
      const names = await unknownMetrics(JSON.stringify(expressions));
      return names.map((name) => ({
        rule: 'metrics',
        where: whereIs(manifest),
        message: `no metric ${name}`,
      }));
    }),
  );
  return found.flat();
}

const isDashboard = (labels: Labels = {}) => labels['grafana_dashboard'] !== undefined;
