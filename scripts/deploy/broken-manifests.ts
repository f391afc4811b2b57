/** Each row makes one plausible mistake in the production overlay, and names the rule that must catch it. */
import { NAME } from '../name.js';
import { type Manifest, whereIs } from './manifest.js';

type Change = (manifests: Manifest[]) => void;
export type Row = readonly [rule: string, mistake: string, ...changes: readonly Change[]];
type Node = Record<string, unknown>;

/** The object of this kind and name; the names of generated ones end in a hash. */
function find(manifests: readonly Manifest[], where: string): Manifest {
  const found =
    manifests.find((manifest) => whereIs(manifest) === where) ??
    manifests.find((manifest) => whereIs(manifest).replace(/[a-z0-9]{10}$/, '') === where);
  if (found === undefined) throw new Error(`nothing to break: ${where}`);
  return found;
}

/** Sets the value at a path such as `spec.ports.0.port`; `undefined` removes it. */
export const set =
  (where: string, path: string, value?: unknown): Change =>
  (manifests) => {
    const names = path.split('.').map((name) => name.replaceAll('~', '.'));
    const last = names.pop() ?? '';
    let node = find(manifests, where) as unknown as Node;
    for (const name of names) node = (node[name] ??= {}) as Node;
    if (Array.isArray(node) && value === undefined) node.splice(Number(last), 1);
    else if (value === undefined) delete node[last];
    else node[last] = value;
  };

export const drop =
  (where: string): Change =>
  (manifests) =>
    void manifests.splice(manifests.indexOf(find(manifests, where)), 1);

const SERVER = `Deployment/${NAME}`;
const POD = 'spec.template.spec';
const CONTAINER = `${POD}.containers.0`;
const pod = (path: string, value?: unknown) => set(SERVER, `${POD}.${path}`, value);
const container = (path: string, value?: unknown) => set(SERVER, `${CONTAINER}.${path}`, value);
const setting = (name: string, value?: string) => set(`ConfigMap/${NAME}-`, `data.${name}`, value);
const route = (path: string, value?: unknown) => set(`HTTPRoute/${NAME}`, `spec.${path}`, value);

/** No schema catches these. */
export const BROKEN: readonly Row[] = [
  ['token', 'a token in the pod', pod('automountServiceAccountToken', true)],
  ['mounts', 'writable code', container('volumeMounts.0', { name: 'tmp', mountPath: '/app/dist' })],
  ['heap', 'a heap over the limit', setting('NODE_OPTIONS', '--max-old-space-size=512')],
  ['probes', 'probes on the public port', container('livenessProbe.httpGet.port', 'http')],
  ['probes', 'restarts while Redis is away', container('livenessProbe.httpGet.path', '/readyz')],
  [
    'pre-stop',
    'a shell that is not there',
    container('lifecycle.preStop', { exec: { command: ['sleep', '5'] } }),
  ],
  ['grace', 'killed while draining', pod('terminationGracePeriodSeconds', 60)],
  ['variables', 'a variable that nobody reads', setting('MAX_BODY_SIZE', '1')],
  ['configuration', 'a misspelled variable', setting('ALLOWED_ORIGIN', 'https://a.example')],
  ['configuration', 'no TRUSTED_PROXIES', setting('TRUSTED_PROXIES')],
  ['configuration', 'tools that outlive the drain', setting('TOOL_TIMEOUT_MS', '70000')],
  ['configuration', 'replicas without Redis', container('env', [])],
  ['replicas', 'REPLICAS below what scaling may reach', setting('REPLICAS', '3')],
  ['listeners', 'only this pod reaches it', setting('HOST', '127.0.0.1')],
  ['listeners', 'the kubelet cannot ask', setting('ADMIN_HOST', '127.0.0.1')],
  ['listeners', 'another port than the container names', setting('PORT', '8080')],
  ['secret-in-env', 'a URL with its password', setting('REDIS_URL', 'rediss://user:hunter2@redis:6379')],
  [
    'secret-in-env',
    'a Secret as a variable',
    container('env.0', {
      name: 'AUDIT_HMAC_KEY',
      valueFrom: { secretKeyRef: { name: `${NAME}-secrets`, key: 'audit-hmac-key' } },
    }),
  ],
  ['files', 'keys that are not mounted', setting('API_KEYS_FILE', '/etc/keys.json')],
  ['references', 'no ConfigMap', container('envFrom.0.configMapRef.name', `${NAME}-settings`)],
  ['references', 'a Secret that nobody makes', pod('volumes.1.secret.secretName', 'mcp-secrets')],
  ['namespace', 'another namespace', set(`Service/${NAME}`, 'metadata.namespace', 'default')],
  [
    'namespace',
    'Pod Security baseline',
    set(`Namespace/${NAME}`, 'metadata.labels.pod-security~kubernetes~io/enforce', 'baseline'),
  ],
  ['target-port', 'a wrong targetPort', set(`Service/${NAME}`, 'spec.ports.0.targetPort', 8080)],
  ['tls', 'a listener without TLS', set(`Gateway/${NAME}`, 'spec.listeners.0.protocol', 'HTTP')],
  [
    'tls',
    'a certificate that nobody makes',
    set(`Gateway/${NAME}`, 'spec.listeners.0.tls.certificateRefs.0.name', 'tls'),
  ],
  ['tls', 'a certificate of another name', set(`Certificate/${NAME}`, 'spec.dnsNames.0', 'www.example.com')],
  ['route', 'no such Gateway', route('parentRefs.0.name', 'public')],
  ['route', 'no such listener', route('parentRefs.0.sectionName', 'http')],
  ['route', 'every host', route('hostnames', [])],
  ['route', 'a host that the server refuses', route('hostnames.0', 'api.example.com')],
  ['route', 'a wrong port of the Service', route('rules.0.backendRefs.0.port', 3000)],
  ['route', 'metrics for the public', route('rules.0.backendRefs.0', { name: `${NAME}-admin`, port: 9464 })],
  ['stream-timeout', 'streams cut after a minute', route('rules.0.timeouts.request', '60s')],
  ['stream-timeout', 'no route for the endpoint', setting('PUBLIC_URL', 'https://mcp.example.com/v1')],
  ['policy', 'a policy of no route', set(`BackendTrafficPolicy/${NAME}`, 'spec.targetRefs.0.name', 'mcp')],
  [
    'stream-timeout',
    'streams that end after ten minutes',
    set(`BackendTrafficPolicy/${NAME}`, 'spec.timeout.http.maxStreamDuration', '10m'),
  ],
  [
    'keep-alive',
    'connections that the gateway keeps longer than the server',
    set(`BackendTrafficPolicy/${NAME}`, 'spec.timeout.http.connectionIdleTimeout', '5m'),
  ],
  ['monitor', 'a port that is not there', set(`ServiceMonitor/${NAME}`, 'spec.endpoints.0.port', 'metrics')],
  [
    'metrics',
    'an alert that never fires',
    set(`PrometheusRule/${NAME}`, 'spec.groups.0.rules.0.expr', 'mcp_server_lost > 0'),
  ],
  [
    'availability',
    'a rollout that takes pods away',
    set(SERVER, 'spec.strategy.rollingUpdate.maxUnavailable', 1),
  ],
  ['availability', 'all on one node', pod('topologySpreadConstraints', [])],
  ['network', 'no default', drop('NetworkPolicy/default-deny')],
  ['network', 'from everywhere', set(`NetworkPolicy/${NAME}-from-gateway`, 'spec.ingress.0.from')],
  [
    'network',
    'from every pod of the cluster',
    set(`NetworkPolicy/${NAME}-from-gateway`, 'spec.ingress.0.from.0', { namespaceSelector: {} }),
  ],
  ['network', 'every port', set(`NetworkPolicy/${NAME}-from-gateway`, 'spec.ingress.0.ports')],
  [
    'network',
    'metrics for the gateway',
    set(`NetworkPolicy/${NAME}-from-gateway`, 'spec.ingress.0.ports.1', {
      protocol: 'TCP',
      port: 'admin',
    }),
  ],
  [
    'network',
    'the metadata service of the cloud',
    set(`NetworkPolicy/${NAME}-to-issuers`, 'spec.egress.0.to.0.ipBlock.except'),
  ],
  ['network', 'no DNS', drop(`NetworkPolicy/${NAME}-dns`)],
  ['network', 'no Redis', drop(`NetworkPolicy/${NAME}-to-redis`)],
  ['network', 'no keys of the issuers', drop(`NetworkPolicy/${NAME}-to-issuers`)],
  ['network', 'no Prometheus', drop(`NetworkPolicy/${NAME}-from-prometheus`)],
  ['network', 'no gateway', drop(`NetworkPolicy/${NAME}-from-gateway`)],
];

/** The schemas catch these, when they are available. */
export const BROKEN_SCHEMAS: readonly Row[] = [
  ['schema', 'a misspelled field', pod('terminationGracePeriod', 90)],
  ['schema', 'a field at the wrong place', set(SERVER, 'spec.enableServiceLinks', false)],
  ['schema', 'text where a number must be', set(SERVER, 'spec.replicas', '3')],
  ['schema', 'no such version', set(SERVER, 'apiVersion', 'apps/v1beta1')],
  ['schema', 'a duration that is none', route('rules.0.timeouts.request', '1 minute')],
  [
    'schema',
    'a policy of another time',
    set(`HorizontalPodAutoscaler/${NAME}`, 'spec.targetCPUUtilizationPercentage', 60),
  ],
];

export function breakIt(manifests: readonly Manifest[], changes: readonly Change[]): readonly Manifest[] {
  const broken = structuredClone(manifests) as Manifest[];
  for (const change of changes) change(broken);
  return broken;
}
