/** Rules for the compose file. The server's own configuration checks its settings, as for Kubernetes. */
import { parse } from 'yaml';
import { configurationProblems, secretsIn, unknownVariables } from './server-settings.js';
import { isExactImage, type Problem } from './manifest.js';

interface Service {
  readonly image?: string;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly networks?: readonly string[] | Readonly<Record<string, object>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly deploy?: { readonly replicas?: number };
  readonly healthcheck?: object;
  readonly stop_grace_period?: string;
  readonly mem_limit?: string;
  readonly pids_limit?: number;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks?: Readonly<Record<string, object>>;
  readonly secrets?: Readonly<Record<string, object>>;
}

type Check = readonly [rule: string, isBroken: boolean, message: string];

const networksOf = ({ networks = [] }: Service) =>
  (Array.isArray(networks) ? networks : Object.keys(networks)) as string[];

function anyService(service: Service, { networks = {}, secrets = {} }: Compose): readonly Check[] {
  const { image = '', user = '', ports = [], volumes = [], cap_add: added = [] } = service;
  const names = Object.keys(service.environment ?? {});
  const files = (service.secrets ?? []).map((name) => `/run/secrets/${name}`);
  const wanted = Object.values(service.environment ?? {}).filter((value) =>
    value.startsWith('/run/secrets/'),
  );
  return [
    ['image', !isExactImage(image), 'must have an exact version, never latest'],
    ['root', Number(/^(\d+)/.exec(user)?.[1] ?? 0) < 10_000, 'user must be a number, 10000 or more'],
    ['writable-root', service.read_only !== true, 'read_only must be true'],
    [
      'capabilities',
      !service.cap_drop?.includes('ALL') || service.privileged === true,
      'must drop ALL capabilities',
    ],
    [
      'capabilities',
      added.some((name) => name !== 'NET_BIND_SERVICE' || ports.length === 0),
      'adds a capability',
    ],
    ['privileges', !service.security_opt?.includes('no-new-privileges:true'), 'needs no-new-privileges'],
    [
      'resources',
      service.mem_limit === undefined || service.pids_limit === undefined,
      'needs mem_limit and pids_limit',
    ],
    ['mounts', volumes.some((volume) => !volume.endsWith(':ro')), 'mounts of the host are read-only'],
    [
      'mounts',
      volumes.some((volume) => volume.includes('docker.sock')),
      'the socket of Docker is root on the host',
    ],
    ['secret-in-env', secretsIn(names).length > 0, 'a secret must be a file'],
    ['references', networksOf(service).some((name) => !(name in networks)), 'no such network'],
    ['references', (service.secrets ?? []).some((name) => !(name in secrets)), 'no such secret'],
    ['references', wanted.some((file) => !files.includes(file)), 'names a secret that it is not given'],
  ];
}

function server(service: Service): readonly Check[] {
  const { environment: env = {}, stop_grace_period: grace = '10s' } = service;
  const needed = Number(env['SHUTDOWN_DELAY_MS'] ?? 5000) + Number(env['SHUTDOWN_GRACE_MS'] ?? 65_000) + 5000;
  return [
    ...configurationProblems(env).map((message): Check => ['configuration', true, message]),
    ...unknownVariables(Object.keys(env)).map(
      (name): Check => ['variables', true, `${name} is not in the configuration`],
    ),
    ['exposed', (service.ports ?? []).length > 0, 'only the proxy is reached from outside'],
    [
      'grace',
      Number.parseInt(grace, 10) * 1000 < needed,
      'stop_grace_period must exceed the two of SHUTDOWN_*',
    ],
    [
      'replicas',
      (service.deploy?.replicas ?? 1) > Number(env['REPLICAS'] ?? 1),
      'REPLICAS must cover them all',
    ],
    ['health', service.healthcheck === undefined, 'needs a health check on the admin port'],
    [
      'health',
      /curl|wget|:3000/.test(JSON.stringify(service.healthcheck)),
      'the image has node, and health the admin port',
    ],
    [
      'listeners',
      env['HOST'] !== '0.0.0.0' || env['ADMIN_HOST'] !== '0.0.0.0',
      'listens where nobody reaches it',
    ],
  ];
}

export function lintCompose(file: string): readonly Problem[] {
  const compose = parse(file, { merge: true }) as Compose;
  return Object.entries(compose.services).flatMap(([name, service]) => {
    const checks = [...anyService(service, compose), ...(name === 'server' ? server(service) : [])];
    return checks
      .filter(([, isBroken]) => isBroken)
      .map(([rule, , message]) => ({ rule, where: `compose ${name}`, message }));
  });
}
