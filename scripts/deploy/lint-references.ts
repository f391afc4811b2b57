/** What names something else: a name that leads nowhere is valid by every schema. */
import {
  type Container,
  type Labels,
  type Manifest,
  ofKind,
  type Problem,
  type Rule,
  type Selector,
  selects,
  whereIs,
  type Workload,
  workloads,
} from './manifest.js';
import { NAME } from '../name.js';

/** Made by the operator, as deploy/README.md says: a repository holds no secrets. */
const SECRETS_OF_THE_OPERATOR = [`${NAME}-secrets`, `${NAME}-api-keys`, `${NAME}-redis-acl`];
const RECOMMENDED = ['name', 'component', 'part-of', 'managed-by'].map((name) => `app.kubernetes.io/${name}`);
const CLUSTER_WIDE = new Set(['Namespace', 'ClusterIssuer', 'GatewayClass']);

const has = (manifests: readonly Manifest[], kind: string, name: string | undefined) =>
  manifests.some((manifest) => manifest.kind === kind && manifest.metadata.name === name);

export function secretNames(manifests: readonly Manifest[]): ReadonlySet<string> {
  const certificates = ofKind<{ secretName: string }>(manifests, 'Certificate');
  return new Set([...SECRETS_OF_THE_OPERATOR, ...certificates.map(({ spec }) => spec.secretName)]);
}

function missing(
  manifests: readonly Manifest[],
  { pod, containers, labels, spec }: Workload,
): readonly string[] {
  const secrets = secretNames(manifests);
  const { volumes = [], serviceAccountName } = pod;
  const maps = [
    ...volumes.map(({ configMap }) => configMap?.name),
    ...containers.flatMap(({ envFrom = [] }) => envFrom.map(({ configMapRef }) => configMapRef?.name)),
  ].filter((name) => name !== undefined);
  const wanted = volumes.flatMap(({ secret }) => secret?.secretName ?? []);
  const mounted = containers.flatMap(({ volumeMounts = [] }: Container) =>
    volumeMounts.map(({ name }) => name),
  );
  return [
    ...maps.filter((name) => !has(manifests, 'ConfigMap', name)).map((name) => `no ConfigMap ${name}`),
    ...wanted.filter((name) => !secrets.has(name)).map((name) => `nobody makes the Secret ${name}`),
    ...mounted
      .filter((name) => !volumes.some((volume) => volume.name === name))
      .map((name) => `no volume ${name}`),
    ...(serviceAccountName && !has(manifests, 'ServiceAccount', serviceAccountName)
      ? [`no ServiceAccount ${serviceAccountName}`]
      : []),
    ...(selects(spec.selector, labels) ? [] : ['its selector does not select its own pods']),
  ];
}

const references: Rule = (manifests) =>
  workloads(manifests).flatMap((workload) =>
    missing(manifests, workload).map((message) => ({ rule: 'references', where: workload.where, message })),
  );

/** Selectors that select nothing protect nothing, and nobody tells. */
const selectors: Rule = (manifests) => {
  const all = workloads(manifests);
  // Some implementations run the pods of a Gateway beside it.
  const gateways = ofKind(manifests, 'Gateway').map(({ manifest: { metadata } }) => ({
    labels: { 'gateway.networking.k8s.io/gateway-name': metadata.name },
  }));
  const check = (
    where: string,
    selector: Selector | Labels | undefined,
    most: number,
  ): readonly Problem[] => {
    const count = [...all, ...gateways].filter(({ labels }) => selects(selector, labels)).length;
    if (count > 0 && count <= most) return [];
    return [{ rule: 'selectors', where, message: `selects ${count} workloads` }];
  };
  return [
    ...ofKind<{ selector?: Labels }>(manifests, 'Service').flatMap(({ where, spec }) =>
      check(where, spec.selector, 1),
    ),
    ...ofKind<{ selector?: Selector }>(manifests, 'PodDisruptionBudget').flatMap(({ where, spec }) =>
      check(where, spec.selector, 1),
    ),
    ...ofKind<{ podSelector?: Selector }>(manifests, 'NetworkPolicy').flatMap(({ where, spec }) =>
      check(where, spec.podSelector, Number.POSITIVE_INFINITY),
    ),
    ...all.flatMap(({ where, pod, labels }) =>
      (pod.topologySpreadConstraints ?? [])
        .filter(({ labelSelector }) => !selects(labelSelector, labels))
        .map(() => ({ rule: 'selectors', where, message: 'spreads other pods than its own' })),
    ),
  ];
};

const names: Rule = (manifests) => {
  const ids = manifests.map(
    ({ metadata, ...rest }) => `${whereIs({ metadata, ...rest })} ${metadata.namespace ?? ''}`,
  );
  const twice = manifests.filter((_, index) => ids.indexOf(ids[index] ?? '') !== index);
  return twice.map((manifest) => ({ rule: 'names', where: whereIs(manifest), message: 'is there twice' }));
};

const namespaces: Rule = (manifests) => {
  const restricted = manifests.filter(
    ({ kind, metadata }) =>
      kind === 'Namespace' && metadata.labels?.['pod-security.kubernetes.io/enforce'] === 'restricted',
  );
  const known = new Set(restricted.map(({ metadata }) => metadata.name));
  return manifests
    .filter(({ kind, metadata }) => !CLUSTER_WIDE.has(kind) && !known.has(metadata.namespace ?? ''))
    .map((manifest) => ({
      rule: 'namespace',
      where: whereIs(manifest),
      message: 'is not in a namespace of ours with Pod Security restricted',
    }));
};

const labels: Rule = (manifests) =>
  workloads(manifests).flatMap(({ where, labels: own }) =>
    RECOMMENDED.filter((name) => own[name] === undefined).map((name) => ({
      rule: 'labels',
      where,
      message: `its pods need the label ${name}`,
    })),
  );

export const REFERENCE_RULES: readonly Rule[] = [references, selectors, names, namespaces, labels];
