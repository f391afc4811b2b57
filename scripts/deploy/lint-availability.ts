/** Rollouts, evictions and scaling that lose no call; the network that knows no other way; alerts on metrics that exist. */
import { createMetrics } from '../../src/server/observe/metrics.js';
import { servers } from './lint-server.js';
import {
  isServer,
  type Labels,
  type Manifest,
  ofKind,
  type Port,
  type Problem,
  type Rule,
  type Selector,
  selects,
  whereIs,
  workloads,
} from './manifest.js';

interface Peer {
  readonly namespaceSelector?: Selector;
  readonly podSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}
type Ports = readonly { readonly port?: Port; readonly protocol?: string }[];
interface PolicySpec {
  readonly podSelector: Selector;
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: Ports }[];
  readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: Ports }[];
}

const availability: Rule = (manifests) => {
  const budgets = ofKind<{ selector?: Selector; maxUnavailable?: Port; minAvailable?: Port }>(
    manifests,
    'PodDisruptionBudget',
  );
  return workloads(manifests)
    .filter((workload) => isServer(workload) && (workload.spec.replicas ?? 1) > 1)
    .flatMap(({ where, spec, pod, labels }) => {
      const budget = budgets.find((candidate) => selects(candidate.spec.selector, labels))?.spec;
      const messages = [
        spec.strategy?.rollingUpdate?.maxUnavailable !== 0 && 'maxUnavailable must be 0 during a rollout',
        (pod.topologySpreadConstraints ?? []).length === 0 && 'its replicas may all be on one node',
        budget === undefined && 'no PodDisruptionBudget',
        budget?.maxUnavailable === 0 && 'its PodDisruptionBudget allows no eviction: nodes cannot be drained',
        Number(budget?.minAvailable ?? 0) >= (spec.replicas ?? 1) &&
          'its PodDisruptionBudget allows no eviction',
      ];
      return messages
        .filter((message) => typeof message === 'string')
        .map((message) => ({ rule: 'availability', where, message }));
    });
};

const scaling: Rule = (manifests) =>
  ofKind<{
    scaleTargetRef: { kind: string; name: string };
    minReplicas?: number;
    metrics?: readonly object[];
  }>(manifests, 'HorizontalPodAutoscaler').flatMap(
    ({ where, spec: { scaleTargetRef: target, minReplicas = 1, metrics = [] } }) => {
      const messages = [
        !workloads(manifests).some((each) => each.where === `${target.kind}/${target.name}`) &&
          'scales what is not there',
        minReplicas < 2 && 'minReplicas below 2 leaves nobody while a pod is replaced',
        metrics.length === 0 && 'scales by nothing',
      ];
      return messages
        .filter((message) => typeof message === 'string')
        .map((message) => ({ rule: 'scaling', where, message }));
    },
  );

const policies = (manifests: readonly Manifest[]) => ofKind<PolicySpec>(manifests, 'NetworkPolicy');
const isEverybody = (peer: Peer) =>
  (peer.ipBlock === undefined && !peer.namespaceSelector?.matchLabels && !peer.podSelector?.matchLabels) ||
  (peer.ipBlock?.cidr.endsWith('/0') === true && !peer.ipBlock?.except?.includes('169.254.0.0/16'));

/** A missing or empty list of peers means everybody; one of ports, every port. */
const openPolicies: Rule = (manifests) =>
  policies(manifests).flatMap(({ where, spec: { ingress = [], egress = [] } }) => {
    const ways = [
      ...ingress.map(({ from, ports }) => ({ peers: from, ports })),
      ...egress.map(({ to, ports }) => ({ peers: to, ports })),
    ];
    return ways
      .filter(
        ({ peers = [], ports = [] }) => peers.length === 0 || ports.length === 0 || peers.some(isEverybody),
      )
      .map(() => ({
        rule: 'network',
        where,
        message: 'opens a way to everybody, to every port, or to the metadata service',
      }));
  });

const defaultDeny: Rule = (manifests) => {
  const denies = policies(manifests).some(
    ({ spec: { podSelector, policyTypes = [], ingress, egress } }) =>
      !podSelector.matchLabels && policyTypes.length === 2 && !ingress && !egress,
  );
  return denies
    ? []
    : [{ rule: 'network', where: 'NetworkPolicy', message: 'nothing forbids what is not allowed' }];
};

/** The ways that the server needs, and without which everything is valid and nothing works. */
const neededWays: Rule = (manifests) =>
  servers(manifests).flatMap(({ workload, env }) => {
    const own = policies(manifests).filter(({ spec }) => selects(spec.podSelector, workload.labels));
    const outgoing = new Set(
      own.flatMap(({ spec }) => spec.egress ?? []).flatMap(({ ports = [] }) => ports.map(({ port }) => port)),
    );
    const incoming = own.flatMap(({ spec }) => spec.ingress ?? []);
    const opens = (port: Port) =>
      incoming.filter(({ ports = [] }) => ports.some((each) => each.port === port));
    const has = (...kinds: readonly string[]) => manifests.some(({ kind }) => kinds.includes(kind));
    const messages = [
      !outgoing.has(53) && 'no way to DNS',
      env['REDIS_URL_FILE'] && has('Issuer') && !outgoing.has(6379) && 'no way to Redis',
      env['OTEL_EXPORTER_OTLP_ENDPOINT'] &&
        !outgoing.has(Number(new URL(env['OTEL_EXPORTER_OTLP_ENDPOINT']).port)) &&
        'no way to the collector of traces',
      env['JWT_ISSUERS'] && !outgoing.has(443) && 'no way to the issuers of its tokens',
      has('HTTPRoute', 'Ingress') &&
        opens('http').length === 0 &&
        'no way from the gateway to the public port',
      has('ServiceMonitor') && opens('admin').length === 0 && 'no way from Prometheus to the admin port',
      opens('admin').some((way) => opens('http').includes(way)) &&
        'opens the admin port to those who reach the public one',
    ];
    return messages
      .filter((message): message is string => typeof message === 'string' && message !== '')
      .map((message) => ({ rule: 'network', where: workload.where, message }));
  });

/** Metrics in the text of an expression that the server does not have; with those of Node and of Prometheus itself. */
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

export const AVAILABILITY_RULES: readonly Rule[] = [
  availability,
  scaling,
  openPolicies,
  defaultDeny,
  neededWays,
];
