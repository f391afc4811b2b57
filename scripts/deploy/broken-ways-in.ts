/** As broken-manifests.ts, for the production overlay with another way in. */
import { NAME } from '../name.js';
import { drop, type Row, set } from './broken-manifests.js';

const INGRESS = `Ingress/${NAME}`;
const ingress = (path: string, value?: unknown) => set(INGRESS, path, value);
const path = 'spec.rules.0.http.paths.0';

export const BROKEN_INGRESS: readonly Row[] = [
  ['tls', 'a host without TLS', ingress('spec.tls')],
  ['tls', 'TLS of another host', ingress('spec.tls.0.hosts.0', 'www.example.com')],
  ['tls', 'the retired controller', ingress('spec.ingressClassName', 'nginx')],
  ['route', 'a host that the server refuses', ingress('spec.rules.0.host', 'api.example.com')],
  ['route', 'no path of the endpoint', ingress(`${path}.path`, '/v1')],
  ['route', 'no such Service', ingress(`${path}.backend.service.name`, 'mcp')],
  [
    'route',
    'metrics for the public',
    ingress(`${path}.backend.service`, { name: `${NAME}-admin`, port: { name: 'admin' } }),
  ],
  [
    'stream-timeout',
    'cut before a call may end',
    ingress('metadata.annotations.haproxy~org/timeout-server', '50s'),
  ],
  [
    'stream-timeout',
    'the default of the controller',
    ingress('metadata.annotations.haproxy~org/timeout-server'),
  ],
];

export const BROKEN_TRACING: readonly Row[] = [
  ['network', 'no way to the collector', drop(`NetworkPolicy/${NAME}-to-collector`)],
  [
    'secret-in-env',
    'credentials of the collector',
    set(`ConfigMap/${NAME}-`, 'data.OTEL_EXPORTER_OTLP_HEADERS', 'authorization=Bearer x'),
  ],
];

export const BROKEN_ISTIO: readonly Row[] = [
  ['policy', 'a rule of no Service', set(`DestinationRule/${NAME}`, 'spec.host', 'mcp')],
  [
    'keep-alive',
    'connections kept for an hour',
    set(`DestinationRule/${NAME}`, 'spec.trafficPolicy.connectionPool'),
  ],
];
