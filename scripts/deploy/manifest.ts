import { NAME } from '../name.js';

/** What the checks read of a manifest. The schemas know all fields; here are those that the rules look at. */
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
  /** Which rule, so that a test can tell that the right one spoke. */
  readonly rule: string;
  readonly where: string;
  readonly message: string;
}

export type Rule = (manifests: readonly Manifest[]) => readonly Problem[];

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type?: string };
}

interface Reference {
  readonly name: string;
}

export interface Probe {
  readonly httpGet?: { readonly path?: string; readonly port: Port };
  readonly tcpSocket?: { readonly port: Port };
  readonly timeoutSeconds?: number;
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
  readonly resources?: { readonly requests?: Labels; readonly limits?: Labels };
  readonly securityContext?: SecurityContext;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop?: object };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly sizeLimit?: string };
  readonly secret?: { readonly secretName: string };
  readonly configMap?: Reference;
  readonly hostPath?: object;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly terminationGracePeriodSeconds?: number;
  readonly topologySpreadConstraints?: readonly { readonly labelSelector?: Selector }[];
}

export interface Selector {
  readonly matchLabels?: Labels;
}

export interface DeploymentSpec {
  readonly replicas?: number;
  readonly selector: Selector;
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

/** A port of a container by its number, whether it is given by name or number. */
export const portNumber = ({ ports }: Container, port: Port): number | undefined =>
  typeof port === 'number' ? port : ports?.find(({ name }) => name === port)?.containerPort;

/** The variables of a container, as far as the manifests tell. */
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
