/**
 * Strict validation against what an API server publishes: unknown fields are refused, which `kubectl apply` would only warn
 * about. The file is the answer of `kubectl get --raw /openapi/v2`, gzipped.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Ajv } from 'ajv';
import { type Manifest, type Problem, whereIs } from './manifest.js';

/** Kinds of operators that the file may lack. Any other unknown kind is a mistake. */
const WITHOUT_SCHEMA = new Set([
  'monitoring.coreos.com/v1 ServiceMonitor',
  'monitoring.coreos.com/v1 PrometheusRule',
  'gateway.envoyproxy.io/v1alpha1 ClientTrafficPolicy',
  'gateway.envoyproxy.io/v1alpha1 BackendTrafficPolicy',
  'gateway.nginx.org/v1alpha1 ClientSettingsPolicy',
  'gateway.nginx.org/v1alpha1 ProxySettingsPolicy',
  'networking.istio.io/v1 DestinationRule',
]);

type Schema = Record<string, unknown>;
type Definition = Schema & {
  'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
};
type Validate = (manifests: readonly Manifest[]) => readonly Problem[];

export function readSchemas(file: string): Validate {
  const { definitions } = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as {
    definitions: Record<string, Definition>;
  };
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false });
  ajv.addSchema({ $id: 'kubernetes', definitions: strict(definitions) as Schema });
  const names = byKind(definitions);

  return (manifests) =>
    manifests.flatMap((manifest) => {
      const kind = `${manifest.apiVersion} ${manifest.kind}`;
      const problem = (message: string) => ({ rule: 'schema', where: whereIs(manifest), message });
      const name = names.get(kind);
      if (name === undefined) return WITHOUT_SCHEMA.has(kind) ? [] : [problem(`no such kind: ${kind}`)];
      const validate = ajv.getSchema(`kubernetes#/definitions/${name}`);
      if (validate === undefined) return [problem(`no schema ${name}`)];
      if (validate(manifest) === true) return [];
      return (validate.errors ?? []).map(({ instancePath, message, params }) =>
        problem(`${instancePath} ${message} ${JSON.stringify(params)}`),
      );
    });
}

function byKind(definitions: Readonly<Record<string, Definition>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(definitions).flatMap(([name, definition]) =>
      (definition['x-kubernetes-group-version-kind'] ?? []).map(({ group, version, kind }) => [
        `${group === '' ? '' : `${group}/`}${version} ${kind}`,
        name,
      ]),
    ),
  );
}

/** Objects with listed properties get no others; numbers where a quantity, or a port by number, may be written as one. */
function strict(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => strict(item));
  if (typeof value !== 'object' || value === null) return value;
  const copy: Schema = Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, strict(part, name)]),
  );
  if (key === 'properties') return copy; // names of fields, not a schema
  const mayBeNumber = copy['format'] === 'int-or-string' || copy['x-kubernetes-int-or-string'] === true;
  if (mayBeNumber || key.endsWith('.Quantity')) return { ...copy, type: ['string', 'integer', 'number'] };
  const isOpen = copy['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in copy;
  if (typeof copy['properties'] === 'object' && !isOpen) return { ...copy, additionalProperties: false };
  return copy;
}
