/** Policies of one gateway implementation, and annotations of one ingress controller. */
import { servers } from './lint-server.js';
import { type Manifest, ofKind, type Problem, type Rule, whereIs } from './manifest.js';

interface Target {
  readonly kind: string;
  readonly name: string;
}
type Timeouts = Readonly<Record<string, string>>;
interface PolicySpec {
  readonly targetRef?: Target;
  readonly targetRefs?: readonly Target[];
  readonly timeout?: { readonly http?: Timeouts };
}
interface DestinationRuleSpec {
  readonly host: string;
  readonly trafficPolicy?: { readonly connectionPool?: { readonly http?: Timeouts } };
}

const POLICIES = [
  'ClientTrafficPolicy',
  'BackendTrafficPolicy',
  'ClientSettingsPolicy',
  'ProxySettingsPolicy',
];
/** Each of these ends a stream, even an active one. */
const ENDS_STREAMS = ['requestTimeout', 'maxStreamDuration', 'maxConnectionDuration'];
/** The server closes a silent connection after 75 s; a gateway that keeps it longer loses calls. */
const SERVER_KEEPS_S = 75;

/** Seconds of `1h`, `60s`, `65000ms`; a missing duration is infinite. */
function seconds(duration: string | undefined): number {
  const [, amount, unit = ''] = /^(\d+)(ms|s|m|h)$/.exec(duration ?? '') ?? [];
  const sizes: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };
  return amount === undefined ? Number.POSITIVE_INFINITY : Number(amount) * (sizes[unit] ?? 1);
}

const isThere = (manifests: readonly Manifest[], { kind, name }: Target) =>
  manifests.some((manifest) => whereIs(manifest) === `${kind}/${name}`);

const policies: Rule = (manifests) =>
  POLICIES.flatMap((kind) =>
    ofKind<PolicySpec>(manifests, kind).flatMap(({ where, spec }) => {
      const { targetRefs = spec.targetRef ? [spec.targetRef] : [], timeout: { http = {} } = {} } = spec;
      const lost = targetRefs.filter((target) => !isThere(manifests, target));
      const ending = ENDS_STREAMS.filter((name) => ![undefined, '0s'].includes(http[name]));
      const isKept =
        kind === 'BackendTrafficPolicy' && seconds(http['connectionIdleTimeout']) >= SERVER_KEEPS_S;
      return [
        ...(targetRefs.length === 0 ? [{ rule: 'policy', where, message: 'is for nothing' }] : []),
        ...lost.map(({ name }) => ({ rule: 'policy', where, message: `is for ${name}, which is not there` })),
        ...ending.map((name) => ({ rule: 'stream-timeout', where, message: `${name} cuts streams off` })),
        ...(isKept ? [tooLong(where, 'connectionIdleTimeout')] : []),
      ];
    }),
  );

const destinations: Rule = (manifests) =>
  ofKind<DestinationRuleSpec>(manifests, 'DestinationRule').flatMap(({ where, spec }) => [
    ...(isThere(manifests, { kind: 'Service', name: spec.host })
      ? []
      : [{ rule: 'policy', where, message: `is for ${spec.host}, which is not there` }]),
    ...(seconds(spec.trafficPolicy?.connectionPool?.http?.['idleTimeout']) >= SERVER_KEEPS_S
      ? [tooLong(where, 'idleTimeout')]
      : []),
  ]);

const tooLong = (where: string, name: string): Problem => ({
  rule: 'keep-alive',
  where,
  message: `${name} must be below the ${SERVER_KEEPS_S} s after which the server closes a silent connection`,
});

/** The default of HAProxy's controller is 50 s: shorter than a call may be silent. */
const annotations: Rule = (manifests) =>
  manifests
    .filter(({ kind }) => kind === 'Ingress')
    .flatMap((manifest) => {
      const { annotations: own = {} } = manifest.metadata;
      const toolMs = Math.max(
        ...servers(manifests).map(({ env }) => Number(env['TOOL_TIMEOUT_MS'] ?? 60_000)),
      );
      return seconds(own['haproxy.org/timeout-server'] ?? '50s') * 1000 > toolMs
        ? []
        : [
            {
              rule: 'stream-timeout',
              where: whereIs(manifest),
              message: 'haproxy.org/timeout-server must exceed TOOL_TIMEOUT_MS',
            },
          ];
    });

export const WAY_IN_RULES: readonly Rule[] = [policies, destinations, annotations];
