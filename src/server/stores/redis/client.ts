/** Opens Redis as it is run: a single server, one that Sentinel watches, or a Cluster. */
import {
  createClient,
  createCluster,
  createSentinel,
  type RedisClientOptions,
  type RedisClientType,
} from 'redis';

const CONNECT_TIMEOUT_MS = 2000;
/** A cut link closes no socket: one that is silent for so long, longer than between two probes, is opened anew. */
const SILENCE_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;
/** How soon after the loss of a server its successor is looked for. */
const LOOK_UP_MS = 250;
/** No clock of node-redis for each command: it costs as much as the command, and `withinDeadline` has one. */
const NO_CLOCK = { timeout: 0 };
/** Keys that are tried until each primary of a Cluster has one. */
const MAX_PROBE_KEYS = 1000;

export interface RedisAddress {
  /** `redis://` or `rediss://`, with user and password; of several nodes or sentinels a comma list. */
  readonly url: string;
  /** What `url` names: the server, nodes of a Cluster, or sentinels. Default `single`. */
  readonly mode?: 'single' | 'cluster' | 'sentinel';
  /** What the sentinels call the server. */
  readonly sentinelName?: string | undefined;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca?: string;
}

/** What the stores call. All three kinds of Redis have it. */
export type Client = RedisClientType;

export interface Redis {
  readonly client: Client;
  /** A server that carries messages now. Rejects while none is known. */
  messageServer(): Promise<RedisClientOptions>;
  /** Keys of which each server that takes writes has one. */
  probeKeys(prefix: string): Promise<readonly string[]>;
  destroy(): void;
}

/** Connects, and goes on trying for as long as the process lives. */
export function openRedis(address: RedisAddress): Redis {
  switch (address.mode) {
    case 'cluster':
      return openCluster(address);
    case 'sentinel':
      return openSentinel(address);
    default:
      return openSingle(address);
  }
}

function openSingle(address: RedisAddress): Redis {
  const { url } = address;
  const client: Client = createClient({ url, ...optionsOf(address), commandOptions: NO_CLOCK });
  return {
    client,
    destroy: start(client),
    messageServer: async () => ({ url, ...withoutRetries(address) }),
    probeKeys: async (prefix) => [prefix],
  };
}

function openCluster(address: RedisAddress): Redis {
  const cluster = createCluster({
    rootNodes: address.url.split(',').map((url) => ({ url, ...withoutRetries(address) })),
    defaults: { ...credentialsOf(address), ...optionsOf(address) },
    commandOptions: NO_CLOCK,
    topologyRefreshOnReconnectionAttemptStrategy: LOOK_UP_MS,
  });
  // Always by the same node, so that messages keep their order.
  const publish = async (channel: string, message: string) =>
    (await cluster.getNodeClientForKey(channel)).publish(channel, message);
  let turn = 0;
  return {
    client: Object.assign(cluster, { publish }) as unknown as Client,
    destroy: start(cluster),
    async messageServer() {
      const { masters } = cluster;
      const { host, port } = masters[turn++ % masters.length] ?? {};
      if (host === undefined || port === undefined) throw new Error('no node of the Cluster is known');
      return atServer(address, host, port);
    },
    async probeKeys(prefix) {
      const keys = new Map<unknown, string>();
      for (let i = 0; i < MAX_PROBE_KEYS && keys.size < cluster.masters.length; i += 1) {
        const owner = await cluster.getNodeClientForKey(`${prefix}:${i}`);
        if (!keys.has(owner)) keys.set(owner, `${prefix}:${i}`);
      }
      return [...keys.values()];
    },
  };
}

function openSentinel(address: RedisAddress): Redis {
  const options = { ...credentialsOf(address), ...optionsOf(address) };
  const sentinel = createSentinel({
    name: address.sentinelName ?? '',
    sentinelRootNodes: address.url.split(',').map(hostAndPort),
    nodeClientOptions: options,
    sentinelClientOptions: options,
    commandOptions: NO_CLOCK,
    scanInterval: LOOK_UP_MS,
  });
  return {
    client: sentinel as unknown as Client,
    destroy: start(sentinel),
    async messageServer() {
      const server = sentinel.getMasterNode();
      if (!server) throw new Error('the sentinels have named no server yet');
      return atServer(address, server.host, server.port);
    },
    probeKeys: async (prefix) => [prefix],
  };
}

interface Connectable {
  connect(): Promise<unknown>;
  on(event: 'error', listener: () => void): unknown;
  readonly isOpen: boolean;
  destroy(): unknown;
}

/** A single client goes on trying by itself; the others give up when no seed answers. Returns the way to end it. */
function start(client: Connectable): () => void {
  let isEnded = false;
  const connect = () => {
    if (isEnded) return;
    client.connect().catch(() => setTimeout(connect, MAX_RECONNECT_DELAY_MS).unref());
  };
  client.on('error', () => {}); // without a listener an error of the connection would end the process
  connect();
  return () => {
    isEnded = true;
    if (client.isOpen) client.destroy();
  };
}

function optionsOf({ url, ca }: RedisAddress) {
  return {
    disableOfflineQueue: true,
    disableClientInfo: true, // a right less to grant
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
      reconnectStrategy: (retries: number) =>
        Math.min(50 * 2 ** Math.min(retries, 5), MAX_RECONNECT_DELAY_MS),
      ...(url.startsWith('rediss:') && { tls: true as const, ...(ca !== undefined && { ca }) }),
    },
  };
}

function withoutRetries(address: RedisAddress) {
  const { socket, ...options } = optionsOf(address);
  return { ...options, socket: { ...socket, reconnectStrategy: false as const } };
}

function atServer(address: RedisAddress, host: string, port: number): RedisClientOptions {
  const { socket, ...options } = withoutRetries(address);
  return { ...credentialsOf(address), ...options, socket: { ...socket, host, port } };
}

/** Those of the first URL are good for all. */
function credentialsOf({ url }: RedisAddress) {
  const { username, password } = new URL(url.split(',')[0] ?? url);
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  };
}

function hostAndPort(url: string) {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || '6379') };
}
