/** Network policies must allow the connections that the server needs, and no others. */
import { servers } from './lint-server.js';
import { type Manifest, ofKind, type Port, type Rule, type Selector, selects } from './manifest.js';

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

const policies = (manifests: readonly Manifest[]) => ofKind<PolicySpec>(manifests, 'NetworkPolicy');
const isEverybody = (peer: Peer) =>
  (peer.ipBlock === undefined && !peer.namespaceSelector?.matchLabels && !peer.podSelector?.matchLabels) ||
  (peer.ipBlock?.cidr.endsWith('/0') === true && !peer.ipBlock?.except?.includes('169.254.0.0/16'));

/** A missing or empty list of peers means everybody; of ports, every port. */
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

/** Connections that the server needs: without them the manifests are valid, but nothing works. */
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
      env['REDIS_URL_FILE'] &&
        !own.some(({ where }) => where.endsWith('-to-redis')) &&
        'no way to Redis: list one of the components redis, redis-managed and redis-cluster',
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

export const NETWORK_RULES: readonly Rule[] = [openPolicies, defaultDeny, neededWays];
