/** Whether traces are exported, which OpenTelemetry's own variables decide. */
import { parseUrl } from '../exact-names.js';
import type { Environment, Problem } from './environment.js';

const PREFIX = 'OTEL_EXPORTER_OTLP_';
/** The protocol that the specification recommends. The template includes no other exporter. */
const PROTOCOL = 'http/protobuf';

export function readTracing(env: Environment): { tracing: boolean; problems: readonly Problem[] } {
  const endpoints = [`${PREFIX}TRACES_ENDPOINT`, `${PREFIX}ENDPOINT`].filter((name) => env[name]);
  const isOff = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none';
  if (isOff || endpoints.length === 0) return { tracing: false, problems: [] };

  const unusable = endpoints.filter((name) => !/^https?:$/.test(parseUrl(env[name] ?? '')?.protocol ?? ''));
  const protocols = [`${PREFIX}TRACES_PROTOCOL`, `${PREFIX}PROTOCOL`].filter((name) => env[name]);
  const problems = [
    ...unusable.map((variable) => ({ variable, message: 'must be an http(s) URL, or unset' })),
    ...protocols
      .filter((name) => env[name] !== PROTOCOL)
      .map((variable) => ({ variable, message: `must be ${PROTOCOL}, or unset` })),
    ...((env['OTEL_TRACES_EXPORTER'] || 'otlp') === 'otlp'
      ? []
      : [{ variable: 'OTEL_TRACES_EXPORTER', message: 'must be otlp or none, or unset' }]),
  ];
  return { tracing: problems.length === 0, problems };
}
