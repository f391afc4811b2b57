/** One era behind a real HTTP server and a few stand-in layers: who calls is said by a header. */
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type NextFunction, type Request, type Response } from 'express';
import { errorResponse } from '../../../src/server/layers/error-response.js';
import { type Catalog, compileCatalog } from '../../../src/server/mcp/definitions/catalog.js';
import { envelope } from '../../../src/server/mcp/envelope/envelope.js';
import type { Era } from '../../../src/server/mcp/era-router.js';
import { createHandlers } from '../../../src/server/mcp/calls/handlers.js';
import { UnsentAnswers } from '../../../src/server/mcp/exchange/unsent-answers.js';
import type { Definitions } from '../../../src/server/mcp/definitions/tool.js';
import type { AuditFacts } from '../../../src/server/observe/audit-record.js';
import { RefusedRequest } from '../../../src/server/refusal.js';
import type { Bus, Change } from '../../../src/server/stores/types.js';
import { noServices, noSettings } from './no-settings.js';

/** What both eras are made of, and what was logged as an error. */
export function eraParts(definitions: Partial<Definitions>, { publish }: Pick<Bus<Change>, 'publish'>) {
  const catalog = compileCatalog({ tools: [], resources: [], prompts: [], ...definitions });
  const logged: object[] = [];
  const ignore = () => {};
  const error = (facts: object) => void logged.push(facts);
  const logger = { debug: ignore, info: ignore, warn: ignore, error, fatal: ignore };
  const handlers = createHandlers({
    catalog,
    logger,
    settings: noSettings,
    services: noServices,
    publish,
    timeoutMs: 5_000,
    urls: { hosts: new Set(['grants.example']), takesHttp: true },
    maxResultBytes: 1_000_000,
  });
  const unsent = new UnsentAnswers({ perProcess: 100_000_000, perCaller: 100_000_000 });
  return { catalog, logger, logged, handlers, unsent };
}

interface Serving {
  readonly era: Era;
  readonly catalog: Catalog;
  readonly logger: ReturnType<typeof eraParts>['logger'];
}

export async function serveEra({ era, catalog, logger }: Serving) {
  const audits: AuditFacts[] = [];
  /** Emits `received` when a call waits for its audit record, and `closed` at the end of each response. */
  const calls = new EventEmitter();
  const app = express().use(
    express.json({ limit: '2mb' }),
    layers(audits, calls),
    envelope(catalog, ['/sse', '/messages']),
    (req, res) => era.handle(req, res),
  );
  app.use(errorResponse({ logger, maxDrainBytes: 1_000 }));
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    audits,
    calls,
    /** Cuts every connection, as a network does. */
    cut: () => http.closeAllConnections(),
    close: async () => {
      http.closeAllConnections();
      await new Promise((done) => http.close(done));
    },
  };
}

function layers(audits: AuditFacts[], calls: EventEmitter) {
  return (req: Request, res: Response, next: NextFunction) => {
    const [subject = 'alice', ...scopes] = (req.header('x-test-caller') ?? 'alice').split(' ');
    const facts: AuditFacts = {};
    audits.push(facts);
    res.once('close', () => calls.emit('closed', facts));
    req.requestId = `request-${audits.length}`;
    req.caller = { issuer: 'test', subject, method: 'api-key', scopes };
    req.watchCredential = () => () => {};
    req.audit = {
      requestId: req.requestId,
      facts,
      note: (more) => void Object.assign(facts, more),
      session: (id) => void Object.assign(facts, { 'mcp.session': `hmac of ${id.length}` }),
      arguments: () => {},
      received: async () => {
        calls.emit('received');
        if (subject === 'unaudited') throw new RefusedRequest('audit_unavailable');
      },
      streamOpen: () => {},
    };
    next();
  };
}
