/** The bare SDK behind the usual middleware, put together as the documents of each package show it. */
import cors from 'cors';
import express from 'express';
import helmet from 'helmet';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { pino } from 'pino';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { join } from 'node:path';
import { AUDIENCE } from '../identity.js';
import { listen } from './http.js';
import type { BenchServer, ServerOptions } from './options.js';
import type { Handle } from './sdk-2025.js';

export async function startNaive(
  { issuer, jwks, folder }: ServerOptions,
  handle: Handle,
): Promise<BenchServer> {
  const log = pino(pino.destination({ dest: join(folder, 'naive.log'), sync: false }));
  const keys = createLocalJWKSet({ keys: [...jwks.keys] });
  const perAddress = new RateLimiterMemory({ points: 1e9, duration: 60 });
  const perCaller = new RateLimiterMemory({ points: 1e9, duration: 60 });

  const app = express();
  app.use((req, res, next) => {
    const startedAt = performance.now();
    res.on('finish', () => {
      const durationMs = performance.now() - startedAt;
      log.info({ method: req.method, url: req.url, status: res.statusCode, durationMs }, 'request');
    });
    next();
  });
  app.use(helmet());
  app.use(cors({ origin: ['https://console.example'] }));
  app.use(async (req, res, next) => {
    await perAddress.consume(req.socket.remoteAddress ?? '');
    const token = req.headers.authorization?.slice('Bearer '.length) ?? '';
    const { payload } = await jwtVerify(token, keys, { issuer, audience: AUDIENCE });
    await perCaller.consume(String(payload.sub));
    res.locals['caller'] = payload;
    next();
  });
  app.use(express.json({ limit: '1mb' }));
  app.all('/mcp', (req, res) => handle(req, res, req.body));
  return { port: await listen(app) };
}
