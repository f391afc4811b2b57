import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { auditLog } from '../../../src/server/layers/audit-log.js';
import { clientAddress } from '../../../src/server/layers/client-address.js';
import { errorResponse } from '../../../src/server/layers/error-response.js';
import { answerParserRefusals } from '../../../src/server/http/parser-refusals.js';
import { requestId } from '../../../src/server/layers/request-id.js';
import { AuditFacts, type AuditTrail } from '../../../src/server/observe/audit-record.js';
import type { RateLimiter } from '../../../src/server/stores/types.js';

export interface Ended extends AuditFacts {
  readonly requestId: string;
}

/** Keeps the records that would be written, and lets a test await the next. */
export class RecordingAudit extends EventEmitter<{ end: [Ended] }> {
  readonly ended: Ended[] = [];
  /** Whether the sinks take records. */
  takesRecords = true;

  accepting(): boolean {
    return this.takesRecords;
  }

  trail(requestId: string, first: AuditFacts): AuditTrail & { end(facts: AuditFacts): void } {
    const facts = Object.assign(new AuditFacts(), first);
    return {
      requestId,
      facts,
      note: (more) => void Object.assign(facts, more),
      session: () => {},
      arguments: () => {},
      received: () => Promise.resolve(),
      streamOpen: () => {},
      end: (more) => {
        Object.assign(facts, more);
        const known = Object.entries(facts).filter(([, fact]) => fact !== undefined);
        const record = { requestId, ...Object.fromEntries(known) } as Ended;
        this.ended.push(record);
        this.emit('end', record);
      },
    };
  }

  /** The record with this number, waiting for it if need be. */
  async record(index = 0): Promise<Ended> {
    while (this.ended.length <= index) await once(this, 'end');
    return this.ended[index] as Ended;
  }
}

export interface Served {
  readonly url: string;
  readonly port: number;
  readonly server: http.Server;
  readonly audit: RecordingAudit;
  readonly logged: { readonly facts: object; readonly message: string }[];
  /** Requests that passed all layers. */
  readonly passed: express.Request[];
}

const running = new Set<http.Server>();

afterEach(() => {
  for (const server of running) {
    server.closeAllConnections();
    server.close();
  }
  running.clear();
});

export interface ServeOptions {
  readonly trustedProxies?: readonly string[];
  readonly server?: http.ServerOptions;
}

/** Serves layers as the pipeline does, between request id and audit on one side and the error response on the other. */
export async function serve(layers: readonly RequestHandler[], options: ServeOptions = {}): Promise<Served> {
  const audit = new RecordingAudit();
  const logged: Served['logged'] = [];
  const passed: express.Request[] = [];
  const addressOf = clientAddress(options.trustedProxies ?? []);
  const app = express();
  app.use(requestId(), auditLog({ audit, clientAddress: addressOf }), ...layers);
  app.use((req, res) => {
    passed.push(req);
    res.json({ passed: true });
  });
  app.use(
    errorResponse({
      logger: { error: (facts, message) => logged.push({ facts, message }) },
      maxDrainBytes: 65_536,
    }),
  );
  const server = http.createServer({ requireHostHeader: false, ...options.server }, app);
  server.on('checkContinue', app);
  answerParserRefusals(server, { audit, clientAddress: addressOf });
  running.add(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, server, audit, logged, passed };
}

/** `error.data.code` of a refusal. */
export async function codeOf(response: Response): Promise<string> {
  const body = (await response.json()) as { error: { data: { code: string } } };
  return body.error.data.code;
}

/** A real limiter with the interface of ours. */
export function memoryLimiter(points: number, windowMs = 60_000): RateLimiter {
  const limiter = new RateLimiterMemory({ points, duration: windowMs / 1000 });
  return {
    async consume(key, cost = 1) {
      const result = await limiter.consume(key, cost).catch((refused: unknown) => refused);
      if (!(result instanceof RateLimiterRes)) throw result;
      const { consumedPoints, remainingPoints: remaining, msBeforeNext: resetMs } = result;
      return { allowed: consumedPoints <= points, limit: points, remaining, resetMs };
    },
  };
}
