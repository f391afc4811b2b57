import { NAME } from '../name.js';

/** The parts of a manifest that the rules read. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
  readonly spec?: object;
  readonly data?: Labels;
}

export type Labels = Readonly<Record<string, string>>;
export type Port = string | number;

export interface Problem {
  /** Name of the rule, so that a test can tell which one reported. */
  readonly rule: string;
  readonly where: string;
  readonly message: string;
}

export type Rule = (manifests: readonly Manifest[]) => readonly Problem[];

interface Reference {
  readonly name: string;
}

interface Probe {
  readonly httpGet?: { readonly path?: string; readonly port: Port };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef?: Reference; readonly configMapKeyRef?: Reference };
  }[];
  readonly envFrom?: readonly { readonly configMapRef?: Reference; readonly secretRef?: Reference }[];
  readonly resources?: { readonly limits?: Labels };
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop?: object };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Volume {
  readonly name: string;
  readonly emptyDir?: object;
  readonly secret?: { readonly secretName: string };
  readonly configMap?: Reference;
}

interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly topologySpreadConstraints?: readonly object[];
}

export interface Selector {
  readonly matchLabels?: Labels;
}

interface DeploymentSpec {
  readonly replicas?: number;
  readonly strategy?: { readonly rollingUpdate?: { readonly maxUnavailable?: Port } };
  readonly template: { readonly metadata: { readonly labels?: Labels }; readonly spec: PodSpec };
}

export interface Workload {
  readonly manifest: Manifest;
  readonly where: string;
  readonly spec: DeploymentSpec;
  readonly labels: Labels;
  readonly pod: PodSpec;
  readonly containers: readonly Container[];
}

export const whereIs = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`;

/** `T` is what the schemas promise of `spec`. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the type of a parsed document
export function ofKind<T extends object>(
  manifests: readonly Manifest[],
  kind: string,
): readonly { readonly manifest: Manifest; readonly where: string; readonly spec: T }[] {
  return manifests
    .filter((manifest) => manifest.kind === kind)
    .map((manifest) => ({ manifest, where: whereIs(manifest), spec: (manifest.spec ?? {}) as T }));
}

export function workloads(manifests: readonly Manifest[]): readonly Workload[] {
  return ['Deployment', 'StatefulSet', 'DaemonSet'].flatMap((kind) =>
    ofKind<DeploymentSpec>(manifests, kind).map(({ manifest, where, spec }) => {
      const pod = spec.template.spec;
      const containers = [...(pod.initContainers ?? []), ...pod.containers];
      return { manifest, where, spec, pod, containers, labels: spec.template.metadata.labels ?? {} };
    }),
  );
}

/** An exact version, or a real digest. */
export function isExactImage(image: string): boolean {
  const [, tag, digest] = /^[^@]+?(?::([\w.-]+))?(?:@sha256:([0-9a-f]{64}))?$/.exec(image) ?? [];
  if (digest !== undefined) return new Set(digest).size > 6;
  return tag !== undefined && (tag === 'dev' || /^v?\d+\.\d+\.\d+/.test(tag));
}

const SERVER_IMAGE = new RegExp(`(^|/)${NAME}[:@]`);

/** The workload that runs this project's image. */
export const isServer = ({ pod }: Workload): boolean =>
  pod.containers.some(({ image }) => SERVER_IMAGE.test(image));

export function selects(selector: Selector | Labels | undefined, labels: Labels): boolean {
  const wanted = (selector as Selector | undefined)?.matchLabels ?? ((selector ?? {}) as Labels);
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

export const hasPort = ({ ports }: Container, port: Port): boolean =>
  (ports ?? []).some(({ name, containerPort }) => name === port || containerPort === port);

/** The number of a container's port, given by name or number. */
export const portNumber = ({ ports }: Container, port: Port): number | undefined =>
  typeof port === 'number' ? port : ports?.find(({ name }) => name === port)?.containerPort;

/** The variables of a container that the manifests contain. */
export function environment(
  manifests: readonly Manifest[],
  { envFrom = [], env = [] }: Container,
): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const { configMapRef } of envFrom) {
    const map = manifests.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef?.name,
    );
    Object.assign(texts, map?.data);
  }
  for (const { name, value } of env) texts[name] = value ?? '';
  return texts;
}
