/** This server in its pod: settings, files, ports, probes, drain, memory. */
import { configurationProblems, type Environment, secretsIn, unknownVariables } from './server-settings.js';
import {
  type Container,
  environment,
  isServer,
  type Manifest,
  ofKind,
  portNumber,
  type Problem,
  type Rule,
  type Workload,
  workloads,
} from './manifest.js';

const MEBIBYTES: Readonly<Record<string, number>> = { Mi: 1, Gi: 1024 };
/** Time to close stores, services and audit after the drain. */
const CLOSING_MS = 5_000;

interface Server {
  readonly workload: Workload;
  readonly container: Container;
  readonly env: Environment;
  readonly manifests: readonly Manifest[];
}

export function servers(manifests: readonly Manifest[]): readonly Server[] {
  return workloads(manifests)
    .filter(isServer)
    .flatMap((workload) =>
      workload.pod.containers.map((container) => ({
        workload,
        container,
        env: environment(manifests, container),
        manifests,
      })),
    );
}

/** One problem for every message. */
const server =
  (rule: string, messages: (server: Server) => readonly (string | false | undefined)[]): Rule =>
  (manifests) =>
    servers(manifests).flatMap((each) =>
      messages(each)
        .filter((message) => typeof message === 'string')
        .map((message): Problem => ({ rule, where: each.workload.where, message })),
    );

function mebibytes(quantity = ''): number {
  const [, amount, unit = ''] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  return Number(amount) * (MEBIBYTES[unit] ?? Number.NaN);
}

function isMounted(path: string, { volumeMounts = [] }: Container): boolean {
  return volumeMounts.some(({ mountPath }) => path.startsWith(`${mountPath}/`));
}

const isShort = (env: Environment, grace: number) =>
  Number(env['SHUTDOWN_DELAY_MS'] ?? 5000) + Number(env['SHUTDOWN_GRACE_MS'] ?? 65_000) + CLOSING_MS >
  grace * 1000;

function largest({ workload, manifests }: Server): number {
  const scalers = ofKind<{ maxReplicas: number }>(manifests, 'HorizontalPodAutoscaler');
  return Math.max(workload.spec.replicas ?? 1, ...scalers.map(({ spec }) => spec.maxReplicas));
}

export const SERVER_RULES: readonly Rule[] = [
  server('variables', ({ env }) =>
    unknownVariables(Object.keys(env)).map((name) => `${name} is not in the configuration`),
  ),
  server('configuration', ({ env }) => configurationProblems(env)),
  server('secret-in-env', ({ env, container }) => [
    ...secretsIn(Object.keys(env)).map((name) => `${name} must be a mounted file, by ${name}_FILE`),
    container.envFrom?.some(({ secretRef }) => secretRef) &&
      'a Secret must be mounted, not be the environment',
    container.env?.some(({ valueFrom }) => valueFrom?.secretKeyRef) &&
      'a Secret must be mounted, not be the environment',
  ]),
  server('files', ({ env, container }) =>
    Object.entries(env)
      .filter(([name, path]) => name.endsWith('_FILE') && !isMounted(path, container))
      .map(([name]) => `${name} names a file that no volume holds`),
  ),
  server('grace', ({ env, workload }) => [
    isShort(env, workload.pod.terminationGracePeriodSeconds ?? 30) &&
      'terminationGracePeriodSeconds must exceed SHUTDOWN_DELAY_MS + SHUTDOWN_GRACE_MS by 5 s',
  ]),
  server('heap', ({ env, container }) => {
    const [, heap] = /--max-old-space-size=(\d+)/.exec(env['NODE_OPTIONS'] ?? '') ?? [];
    const isFitting = Number(heap) <= 0.75 * mebibytes(container.resources?.limits?.['memory']);
    return [!isFitting && 'NODE_OPTIONS must limit the heap to three quarters of the memory limit'];
  }),
  server('listeners', ({ env, container }) => [
    portNumber(container, 'http') !== Number(env['PORT'] ?? 3000) && 'the port named http must be PORT',
    portNumber(container, 'admin') !== Number(env['ADMIN_PORT'] ?? 9464) &&
      'the port named admin must be ADMIN_PORT',
    !/^(0\.0\.0\.0|::)$/.test(env['HOST'] ?? '') && 'HOST must be 0.0.0.0 or ::, or nobody reaches it',
    !/^(0\.0\.0\.0|::)$/.test(env['ADMIN_HOST'] ?? '') &&
      'ADMIN_HOST must be 0.0.0.0 or ::, for kubelet and Prometheus',
  ]),
  server('probes', ({ container }) => {
    const { startupProbe, livenessProbe, readinessProbe } = container;
    const probes = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet);
    const paths = probes.map((probe) => probe?.path).join(' ');
    return [
      paths !== '/livez /livez /readyz' &&
        'the server is asked /livez at start and later, /readyz for readiness: a Redis that is away must not restart it',
      probes.some((probe) => probe && portNumber(container, probe.port) !== portNumber(container, 'admin')) &&
        'probes ask on the admin port: the Host guard of the public one refuses the kubelet',
    ];
  }),
  server('pre-stop', ({ container }) => [
    container.lifecycle?.preStop !== undefined &&
      'no preStop: the image has no shell, and the process delays itself (SHUTDOWN_DELAY_MS)',
  ]),
  server('mounts', ({ workload, container }) => [
    container.volumeMounts?.some(
      ({ name, mountPath }) =>
        mountPath.startsWith('/app') &&
        workload.pod.volumes?.some((volume) => volume.name === name && volume.emptyDir),
    ) && 'the code in /app must not become writable by a mount',
  ]),
  server('token', ({ workload }) => [
    workload.pod.automountServiceAccountToken !== false && 'no token: the server calls no API server',
  ]),
  server('availability', ({ workload: { spec, pod } }) =>
    (spec.replicas ?? 1) > 1
      ? [
          spec.strategy?.rollingUpdate?.maxUnavailable !== 0 && 'maxUnavailable must be 0 during a rollout',
          (pod.topologySpreadConstraints ?? []).length === 0 && 'its replicas may all be on one node',
        ]
      : [],
  ),
  server('replicas', (each) => [
    largest(each) > Number(each.env['REPLICAS'] ?? 1) &&
      'REPLICAS must cover every replica there can be, or limits multiply while Redis is away',
  ]),
];
