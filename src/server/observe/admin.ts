import type { RequestListener } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Metrics } from './metrics.js';

/** `true` when the part works now. */
type HealthCheck = () => boolean | Promise<boolean>;

export interface AdminOptions {
  /** The checks of `/readyz`, by name. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
}

interface Answer {
  readonly status: number;
  readonly body: object | string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A check that hangs must not delay the probe: a kubelet gives up after a second by default. */
const CHECK_TIMEOUT_MS = 800;

/**
 * Answers `/livez`, `/readyz` and `/metrics` on the admin listener. It is separate because the public one's Host guard would
 * refuse the kubelet, and because clients must not see these.
 */
export function adminListener({ checks, metrics }: AdminOptions): RequestListener {
  const answers = new Map<string, () => Answer | Promise<Answer>>([
    ['/livez', () => ({ status: 200, body: { status: 'ok' } })],
    ['/readyz', () => readiness(checks)],
    ['/metrics', async () => ({ status: 200, body: await metrics.render(), type: metrics.contentType })],
  ]);

  async function answer(method: string, path: string): Promise<Answer> {
    const give = answers.get(path);
    if (give === undefined) return { status: 404, body: { error: 'not_found' } };
    if (method === 'GET' || method === 'HEAD') return give();
    return { status: 405, body: { error: 'method_not_allowed' }, headers: { Allow: 'GET, HEAD' } };
  }

  return function adminListener(req, res) {
    answer(req.method ?? '', req.url?.split('?', 1)[0] ?? '')
      .catch((): Answer => ({ status: 500, body: { error: 'internal' } }))
      .then(({ status, body, type = 'application/json', headers }) => {
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        res.writeHead(status, {
          'Content-Type': type,
          'Content-Length': Buffer.byteLength(text),
          'Cache-Control': 'no-store',
          'X-Content-Type-Options': 'nosniff',
          ...headers,
        });
        res.end(text); // Node omits the body for HEAD
        req.resume();
      })
      .catch(() => res.destroy());
  };
}

/** Runs all checks at once. A check that throws or hangs has failed. */
async function readiness(checks: AdminOptions['checks']): Promise<Answer> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, (await passes(check)) ? 'ok' : 'failing']),
  );
  const ready = results.every(([, state]) => state === 'ok');
  const body = { status: ready ? 'ok' : 'unavailable', checks: Object.fromEntries(results) as object };
  return { status: ready ? 200 : 503, body };
}

async function passes(check: HealthCheck): Promise<boolean> {
  try {
    return await Promise.race([check(), delay(CHECK_TIMEOUT_MS, false, { ref: false })]);
  } catch {
    return false;
  }
}
