import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Metrics } from './metrics.js';

/** `true` when the part can do its work now. */
type HealthCheck = () => boolean | Promise<boolean>;

export interface AdminOptions {
  /** What `/readyz` asks, by name. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A check that does not answer must not keep the probe waiting: a kubelet gives up after a second by default. */
const CHECK_TIMEOUT_MS = 800;
const METHODS = ['GET', 'HEAD'];

/**
 * Answers `/livez`, `/readyz` and `/metrics` on the admin listener: apart from the public one, whose Host guard would
 * refuse the kubelet, and whose clients have no business here.
 */
export function adminListener(options: AdminOptions): RequestListener {
  return function adminListener(req, res) {
    answer(req, options)
      .catch(() => json(500, { error: 'internal' }))
      .then((it) => send(req, res, it))
      .catch(() => res.destroy());
  };
}

async function answer(req: IncomingMessage, { checks, metrics }: AdminOptions): Promise<Answer> {
  const path = req.url?.split('?', 1)[0];
  if (path !== '/livez' && path !== '/readyz' && path !== '/metrics')
    return json(404, { error: 'not_found' });
  if (!METHODS.includes(req.method ?? '')) {
    return { ...json(405, { error: 'method_not_allowed' }), headers: { Allow: METHODS.join(', ') } };
  }
  if (path === '/livez') return json(200, { status: 'ok' });
  if (path === '/metrics') return { status: 200, body: await metrics.render(), type: metrics.contentType };
  return readiness(checks);
}

/** Runs all checks at once. One that throws or hangs is failing. */
async function readiness(checks: AdminOptions['checks']): Promise<Answer> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, (await passes(check)) ? 'ok' : 'failing']),
  );
  const ready = results.every(([, state]) => state === 'ok');
  const status = ready ? 'ok' : 'unavailable';
  return json(ready ? 200 : 503, { status, checks: Object.fromEntries(results) as object });
}

async function passes(check: HealthCheck): Promise<boolean> {
  const stop = new AbortController();
  const timeout = delay(CHECK_TIMEOUT_MS, false, { signal: stop.signal });
  try {
    return await Promise.race([check(), timeout]);
  } catch {
    return false;
  } finally {
    timeout.catch(() => {}); // aborted
    stop.abort();
  }
}

function json(status: number, body: object): Answer {
  return { status, body: JSON.stringify(body), type: 'application/json' };
}

function send(req: IncomingMessage, res: ServerResponse, { status, body, type, headers }: Answer): void {
  res.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  res.end(req.method === 'HEAD' ? undefined : body);
  req.resume();
}
