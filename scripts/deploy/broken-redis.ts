/** As broken-manifests.ts, for the production overlay with a Redis that somebody else runs. */
import { NAME } from '../name.js';
import { drop, type Row, set } from './broken-manifests.js';

const POLICY = `NetworkPolicy/${NAME}-to-redis`;
const egress = (path: string, value?: unknown) => set(POLICY, `spec.egress.0.${path}`, value);

/** Of one endpoint and of a Cluster. */
export const BROKEN_REDIS: readonly Row[] = [
  ['network', 'no Redis', drop(POLICY)],
  [
    'network',
    'a way for other pods',
    set(POLICY, 'spec.podSelector.matchLabels.app~kubernetes~io/component', 'redis'),
  ],
  ['network', 'every address', egress('to.0.ipBlock.cidr', '0.0.0.0/0')],
  ['network', 'every port of the nodes', egress('ports')],
  ['configuration', 'no URL', set(`Deployment/${NAME}`, 'spec.template.spec.containers.0.env.0')],
  [
    'secret-in-env',
    'the password in a setting',
    set(`ConfigMap/${NAME}-`, 'data.REDIS_URL', 'rediss://user:hunter2@redis.example.com:6379'),
  ],
];

export const BROKEN_REDIS_CLUSTER: readonly Row[] = [
  ['configuration', 'a misspelled mode', set(`ConfigMap/${NAME}-`, 'data.REDIS_MODE', 'clustered')],
  ['variables', 'the option of another server', set(`ConfigMap/${NAME}-`, 'data.REDIS_CLUSTER', 'true')],
];
