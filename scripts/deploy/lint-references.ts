/** What manifests refer to must exist: settings, secrets, and the namespace with its Pod Security. */
import { type Manifest, ofKind, type Rule, whereIs, type Workload, workloads } from './manifest.js';
import { NAME } from '../name.js';

/** The operator makes these (deploy/README.md): a repository contains no secrets. */
const SECRETS_OF_THE_OPERATOR = [`${NAME}-secrets`, `${NAME}-api-keys`, `${NAME}-redis-acl`];
const CLUSTER_WIDE = new Set(['Namespace', 'ClusterIssuer', 'GatewayClass']);

export function secretNames(manifests: readonly Manifest[]): ReadonlySet<string> {
  const certificates = ofKind<{ secretName: string }>(manifests, 'Certificate');
  return new Set([...SECRETS_OF_THE_OPERATOR, ...certificates.map(({ spec }) => spec.secretName)]);
}

function missing(manifests: readonly Manifest[], { pod, containers }: Workload): readonly string[] {
  const secrets = secretNames(manifests);
  const maps = new Set(ofKind(manifests, 'ConfigMap').map(({ manifest }) => manifest.metadata.name));
  const { volumes = [] } = pod;
  const settings = [
    ...volumes.map(({ configMap }) => configMap?.name),
    ...containers.flatMap(({ envFrom = [] }) => envFrom.map(({ configMapRef }) => configMapRef?.name)),
  ].filter((name) => name !== undefined);
  const wanted = volumes.flatMap(({ secret }) => secret?.secretName ?? []);
  return [
    ...settings.filter((name) => !maps.has(name)).map((name) => `no ConfigMap ${name}`),
    ...wanted.filter((name) => !secrets.has(name)).map((name) => `nobody makes the Secret ${name}`),
  ];
}

const references: Rule = (manifests) =>
  workloads(manifests).flatMap((workload) =>
    missing(manifests, workload).map((message) => ({ rule: 'references', where: workload.where, message })),
  );

/** The cluster itself then refuses a pod with root, capabilities, a host folder or privilege escalation. */
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

export const REFERENCE_RULES: readonly Rule[] = [references, namespaces];
