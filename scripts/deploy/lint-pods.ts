/** Pods: what Pod Security `restricted` asks, and what it does not. */
import {
  type Container,
  hasPort,
  isServer,
  type Probe,
  type Rule,
  type Workload,
  workloads,
} from './manifest.js';

type Check = (workload: Workload) => unknown;
type ContainerCheck = (container: Container, workload: Workload) => unknown;

/** A problem where the check holds. */
const pods =
  (rule: string, isBroken: Check, message: string): Rule =>
  (manifests) =>
    workloads(manifests)
      .filter((workload) => Boolean(isBroken(workload)))
      .map(({ where }) => ({ rule, where, message }));

const containers =
  (rule: string, isBroken: ContainerCheck, message: string): Rule =>
  (manifests) =>
    workloads(manifests).flatMap((workload) =>
      workload.containers
        .filter((container) => Boolean(isBroken(container, workload)))
        .map(({ name }) => ({ rule, where: `${workload.where} ${name}`, message })),
    );

/** An exact version, or a digest that somebody really looked up. */
export function isExactImage(image: string): boolean {
  const [, tag, digest] = /^[^@]+?(?::([\w.-]+))?(?:@sha256:([0-9a-f]{64}))?$/.exec(image) ?? [];
  if (digest !== undefined) return new Set(digest).size > 6;
  return tag !== undefined && (tag === 'dev' || /^v?\d+\.\d+\.\d+/.test(tag));
}

const MEBIBYTES: Readonly<Record<string, number>> = { Mi: 1, Gi: 1024 };

export function mebibytes(quantity: string = ''): number {
  const [, amount, unit = ''] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  return Number(amount) * (MEBIBYTES[unit] ?? Number.NaN);
}

const security = ({ securityContext = {} }: Container, { pod }: Workload) => ({
  ...pod.securityContext,
  ...securityContext,
});
const probes = ({ startupProbe, livenessProbe, readinessProbe }: Container): readonly Probe[] =>
  [startupProbe, livenessProbe, readinessProbe].filter((probe) => probe !== undefined);
const probePort = ({ httpGet, tcpSocket }: Probe) => httpGet?.port ?? tcpSocket?.port ?? '';
const missesResource = ({ resources }: Container, name: string) =>
  resources?.requests?.[name] === undefined || resources.limits?.[name] === undefined;

export const POD_RULES: readonly Rule[] = [
  containers(
    'image',
    ({ image }) => !isExactImage(image),
    'needs an exact version or a real digest, never latest',
  ),
  pods('service-links', ({ pod }) => pod.enableServiceLinks !== false, 'enableServiceLinks must be false'),
  pods('token', ({ pod }) => pod.automountServiceAccountToken !== false, 'no token: it calls no API server'),
  pods('host', ({ pod }) => pod.hostNetwork || pod.hostPID || pod.hostIPC, 'shares a namespace of the host'),
  pods('host', ({ pod }) => pod.volumes?.some(({ hostPath }) => hostPath), 'mounts a folder of the host'),
  containers(
    'root',
    (container, workload) => security(container, workload).runAsNonRoot !== true,
    'runAsNonRoot must be true',
  ),
  containers(
    'root',
    (container, workload) => (security(container, workload).runAsUser ?? 0) < 10_000,
    'runAsUser must be 10000 or more: lower ones may be somebody on the host',
  ),
  containers(
    'seccomp',
    (container, workload) => security(container, workload).seccompProfile?.type !== 'RuntimeDefault',
    'seccompProfile must be RuntimeDefault',
  ),
  containers(
    'privileges',
    ({ securityContext }) =>
      securityContext?.privileged || securityContext?.allowPrivilegeEscalation !== false,
    'allowPrivilegeEscalation must be false',
  ),
  containers(
    'capabilities',
    ({ securityContext: { capabilities } = {} }) =>
      !capabilities?.drop?.includes('ALL') || (capabilities.add ?? []).length > 0,
    'must drop ALL capabilities and add none',
  ),
  containers(
    'writable-root',
    ({ securityContext }) => securityContext?.readOnlyRootFilesystem !== true,
    'readOnlyRootFilesystem must be true',
  ),
  pods(
    'volume-size',
    ({ pod }) => pod.volumes?.some(({ emptyDir }) => emptyDir && emptyDir.sizeLimit === undefined),
    'an emptyDir needs a sizeLimit, or it fills the node',
  ),
  containers(
    'mounts',
    ({ volumeMounts = [] }, { pod }) =>
      volumeMounts.some(({ name, readOnly }) => {
        const volume = pod.volumes?.find((candidate) => candidate.name === name);
        return (volume?.secret ?? volume?.configMap) && readOnly !== true;
      }),
    'secrets and settings are mounted read-only',
  ),
  containers(
    'mounts',
    ({ volumeMounts = [] }, { pod }) =>
      volumeMounts.some(({ name, mountPath }) => {
        const isWritable = pod.volumes?.some((volume) => volume.name === name && volume.emptyDir);
        return isWritable && /^\/(app|usr|lib|etc|$)/.test(mountPath);
      }),
    'code and system folders must not become writable by a mount',
  ),
  containers(
    'resources',
    (container) => missesResource(container, 'cpu') || missesResource(container, 'memory'),
    'needs requests and limits of cpu and memory',
  ),
  containers(
    'probes',
    ({ livenessProbe, readinessProbe }) => !livenessProbe || !readinessProbe,
    'needs a liveness and a readiness probe',
  ),
  containers(
    'probes',
    (container) => probes(container).some((probe) => !hasPort(container, probePort(probe))),
    'a probe asks at a port that the container does not have',
  ),
  containers(
    'probes',
    ({ startupProbe, livenessProbe, readinessProbe }, workload) =>
      isServer(workload) &&
      !(
        startupProbe?.httpGet?.path === '/livez' &&
        livenessProbe?.httpGet?.path === '/livez' &&
        readinessProbe?.httpGet?.path === '/readyz'
      ),
    'the server is asked /livez at start and later, /readyz for readiness: a Redis that is away must not restart it',
  ),
  containers(
    'pre-stop',
    ({ lifecycle }, workload) => isServer(workload) && lifecycle?.preStop,
    'no preStop: the image has no shell, and the process delays itself (SHUTDOWN_DELAY_MS)',
  ),
];
