/** The route from the listener to the container's port, and the one from Prometheus. */
import { servers } from './lint-server.js';
import { secretNames } from './lint-references.js';
import {
  hasPort,
  type Labels,
  type Manifest,
  ofKind,
  type Port,
  type Rule,
  selects,
  workloads,
} from './manifest.js';

interface ServiceSpec {
  readonly selector?: Labels;
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly targetPort?: Port }[];
}
interface GatewaySpec {
  readonly listeners: readonly {
    readonly name: string;
    readonly protocol: string;
    readonly hostname?: string;
    readonly tls?: {
      readonly mode?: string;
      readonly certificateRefs?: readonly { readonly name: string }[];
    };
  }[];
}
interface RouteSpec {
  readonly parentRefs?: readonly { readonly name: string; readonly sectionName?: string }[];
  readonly hostnames?: readonly string[];
  readonly rules?: readonly {
    readonly matches?: readonly { readonly path?: { readonly type?: string; readonly value?: string } }[];
    readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
    readonly backendRefs?: readonly { readonly name: string; readonly port?: number }[];
  }[];
}
interface IngressSpec {
  readonly ingressClassName?: string;
  readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[];
  readonly rules?: readonly {
    readonly host?: string;
    readonly http?: {
      readonly paths: readonly {
        readonly path?: string;
        readonly backend: {
          readonly service?: {
            readonly name: string;
            readonly port: { readonly name?: string; readonly number?: number };
          };
        };
      }[];
    };
  }[];
}

/** `check` answers messages for one object of the kind. */
const each =
  <T extends object>(
    rule: string,
    kind: string,
    check: (spec: T, manifests: readonly Manifest[]) => readonly (string | false | undefined)[],
  ): Rule =>
  (manifests) =>
    ofKind<T>(manifests, kind).flatMap(({ where, spec }) =>
      check(spec, manifests)
        .filter((message) => typeof message === 'string')
        .map((message) => ({ rule, where, message })),
    );

/** Why a route does not reach the public port of the server, if so. */
function backendProblem(
  manifests: readonly Manifest[],
  name: string,
  port: Port | undefined,
): string | undefined {
  const service = ofKind<ServiceSpec>(manifests, 'Service').find(
    ({ manifest }) => manifest.metadata.name === name,
  );
  const found = service?.spec.ports?.find((each) => each.port === port || each.name === port);
  if (service === undefined || found === undefined) return `no Service ${name} with port ${port}`;
  const target = workloads(manifests).find(({ labels }) => selects(service.spec.selector, labels));
  const isPublic = (target?.containers ?? []).some(
    ({ ports = [] }) =>
      ports.find((own) => own.name === found.targetPort || own.containerPort === found.targetPort)?.name ===
      'http',
  );
  return isPublic ? undefined : `leads to ${name}:${port}, which is not the public port`;
}

const publicUrl = (manifests: readonly Manifest[]) =>
  new URL(servers(manifests)[0]?.env['PUBLIC_URL'] ?? 'http://none');
const isAllowedHost = (manifests: readonly Manifest[], host: string) =>
  servers(manifests).every(({ env }) => (env['ALLOWED_HOSTS'] ?? '').split(',').includes(host));

const services = each<ServiceSpec>('target-port', 'Service', ({ selector, ports = [] }, manifests) => {
  const targets = workloads(manifests).filter(({ labels }) => selects(selector, labels));
  return ports.map(
    ({ port, targetPort = port }) =>
      !targets.some(({ pod }) => pod.containers.some((container) => hasPort(container, targetPort))) &&
      `no container has the port ${targetPort}`,
  );
});

const listeners = each<GatewaySpec>('tls', 'Gateway', (spec, manifests) => {
  const certificates = ofKind<{ secretName: string; dnsNames?: readonly string[] }>(manifests, 'Certificate');
  return spec.listeners.flatMap(({ name, protocol, hostname = '', tls }) => {
    const secret = tls?.certificateRefs?.[0]?.name;
    const certificate = certificates.find((candidate) => candidate.spec.secretName === secret);
    return [
      protocol !== 'HTTPS' && `listener ${name} must be HTTPS: credentials cross it`,
      (tls?.mode ?? 'Terminate') !== 'Terminate' && `listener ${name} must terminate TLS`,
      (secret === undefined || !secretNames(manifests).has(secret)) && `listener ${name} has no certificate`,
      certificate &&
        !certificate.spec.dnsNames?.includes(hostname) &&
        `the certificate does not name ${hostname}`,
    ];
  });
});

const routes = each<RouteSpec>(
  'route',
  'HTTPRoute',
  ({ parentRefs = [], hostnames = [], rules = [] }, manifests) => {
    const gateways = ofKind<GatewaySpec>(manifests, 'Gateway');
    const isKnown = ({ name, sectionName }: { name: string; sectionName?: string }) =>
      gateways.some(
        ({ manifest, spec }) =>
          manifest.metadata.name === name &&
          spec.listeners.some((listener) => sectionName === undefined || listener.name === sectionName),
      );
    const backends = rules.flatMap(({ backendRefs = [] }) => backendRefs);
    return [
      !parentRefs.every(isKnown) && 'its Gateway or listener does not exist',
      hostnames.length === 0 && 'without hostnames it takes every host',
      !hostnames.every((host) => isAllowedHost(manifests, host)) && 'takes hosts that ALLOWED_HOSTS refuses',
      ...backends.map(({ name, port }) => backendProblem(manifests, name, port)),
    ];
  },
);

const streams = each<RouteSpec>('stream-timeout', 'HTTPRoute', ({ rules = [] }, manifests) => {
  const { pathname } = publicUrl(manifests);
  const own = rules.filter(({ matches = [] }) => matches.some(({ path }) => path?.value === pathname));
  return [
    own.length === 0 && `no rule for ${pathname}, the path of PUBLIC_URL`,
    own.some(({ timeouts }) => timeouts?.request !== '0s') &&
      'timeouts.request must be 0s, or streams are cut off',
    own.some(({ timeouts }) => ![undefined, '0s'].includes(timeouts?.backendRequest)) &&
      'backendRequest cuts streams off',
  ];
});

const ingresses = each<IngressSpec>('route', 'Ingress', ({ rules = [] }, manifests) =>
  rules.flatMap(({ host = '', http }) => [
    !isAllowedHost(manifests, host) && 'takes a host that ALLOWED_HOSTS refuses',
    !http?.paths.some(({ path }) => path === publicUrl(manifests).pathname) && 'no path for PUBLIC_URL',
    ...(http?.paths ?? []).map(({ backend: { service } }) =>
      backendProblem(manifests, service?.name ?? '', service?.port.name ?? service?.port.number),
    ),
  ]),
);

const ingressTls = each<IngressSpec>('tls', 'Ingress', ({ ingressClassName, tls = [], rules = [] }) => [
  !rules.every(({ host = '' }) => tls.some(({ hosts, secretName }) => secretName && hosts?.includes(host))) &&
    'a host without TLS: credentials cross it',
  ingressClassName === 'nginx' && 'ingress-nginx is retired and gets no security fixes',
]);

const monitors = each<{
  selector: { matchLabels?: Labels };
  endpoints: readonly { port?: string; path?: string }[];
}>('monitor', 'ServiceMonitor', ({ selector, endpoints }, manifests) => {
  const targets = ofKind<ServiceSpec>(manifests, 'Service').filter(({ manifest }) =>
    selects(selector, manifest.metadata.labels ?? {}),
  );
  return [
    targets.length !== 1 && `selects ${targets.length} Services`,
    ...endpoints.flatMap(({ port, path }) => [
      !targets.some(({ spec }) => spec.ports?.some(({ name }) => name === port)) &&
        `no port ${port} to scrape`,
      path !== '/metrics' && 'metrics are at /metrics',
    ]),
  ];
});

export const ROUTE_RULES: readonly Rule[] = [
  services,
  listeners,
  routes,
  streams,
  ingresses,
  ingressTls,
  monitors,
];
