/**
 * THE ORDER. A request passes the layers below from top to bottom, and a refusal ends its way.
 * `docs/request-lifecycle.md` lists what each layer answers.
 */
import type { RequestListener, Server } from 'node:http';
import express, { type RequestHandler } from 'express';
import { auditLog } from './layers/audit-log.js';
import { authenticate } from './layers/authenticate.js';
import { clientAddress } from './layers/client-address.js';
import { cors } from './layers/cors.js';
import { deprecation } from './mcp/http-sse/deprecation.js';
import { endpoint } from './layers/endpoint.js';
import { errorResponse } from './layers/error-response.js';
import { hostGuard } from './layers/host-guard.js';
import { answerAt, composeLayers } from './layers/compose-layers.js';
import { jsonBody } from './layers/json-body.js';
import { negotiate } from './layers/negotiate.js';
import { originGuard } from './layers/origin-guard.js';
import { overload } from './layers/overload.js';
import { answerParserRefusals } from './http/parser-refusals.js';
import { rateLimitAddress, rateLimitCaller, spendFromCaller } from './layers/rate-limit.js';
import { requestId } from './layers/request-id.js';
import { securityHeaders } from './layers/security-headers.js';
import { authorize } from './mcp/calls/authorize.js';
import { openExtensions } from './mcp/extensions/extension.js';
import { envelope } from './mcp/envelope/envelope.js';
import { eraRouter } from './mcp/era-router.js';
import type { OpenGrantOptions } from './mcp/server-definition.js';
import { createMcpParts, type McpOptions } from './assemble-mcp.js';
import type { Audit } from './observe/audit.js';
import type { Tracing } from './observe/tracing.js';
import { createEras, createIdentity, openGrantsOf } from './assemble-http.js';
import { SSE_PATHS } from './exact-names.js';

export interface PipelineOptions extends Omit<McpOptions, 'grantsOf'> {
  readonly grants?: OpenGrantOptions | undefined;
  readonly audit: Audit;
  /** Only where traces are exported. */
  readonly tracing?: Tracing | undefined;
}

/** In order. With traces, each phase is a span, except `audit`, which runs before the request's span begins. */
type Phases = Readonly<
  Record<'audit' | 'admission' | 'authentication' | 'reading' | 'authorization' | 'call', RequestHandler[]>
>;

/** @throws when a definition is wrong or the keys cannot be read */
export async function createPipeline(options: PipelineOptions) {
  const { config, stores, audit, logger, tracing } = options;
  const grants = openGrantsOf(options);
  const mcp = createMcpParts({ ...options, grantsOf: grants?.of });
  const { catalog, digests } = mcp;
  const identity = await createIdentity(config, mcp, stores, logger);
  const { challenge } = identity;
  const extensions = openExtensions(mcp.extensions, { catalog, stores, challenge, audit, logger });
  const {
    eras,
    bufferedBytes,
    unsent,
    close: closeEras,
  } = createEras(config, mcp, challenge, stores, extensions);
  const { rateLimits } = stores;
  const addressOf = clientAddress(config.TRUSTED_PROXIES);

  const { metadataPaths } = identity;
  const routes = {
    [config.PUBLIC_URL.pathname]: ['POST', 'GET', 'DELETE'],
    ...Object.fromEntries(metadataPaths.map((path) => [path, ['GET', 'HEAD']])),
    ...Object.fromEntries((grants?.paths ?? []).map((path) => [path, ['GET']])),
    ...(config.LEGACY_SSE && { [SSE_PATHS.stream]: ['GET'], [SSE_PATHS.messages]: ['POST'] }),
  };
  const ssePaths = config.LEGACY_SSE ? Object.values(SSE_PATHS) : [];
  const overloadGuard = overload({
    maxInFlight: config.MAX_CONNECTIONS,
    hasRoom: () => unsent.hasRoom(config.MAX_RESULT_BYTES),
  });
  const callerLimit = {
    limiter: rateLimits.limiter('caller', config.RATE_LIMIT_CALLER),
    windowMs: config.RATE_LIMIT_CALLER.windowMs,
  };

  const app = express();
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing').enable('strict routing');
  app.set('query parser', false);

  const phases: Phases = {
    audit: [requestId(), auditLog({ audit, clientAddress: addressOf })],
    admission: [
      securityHeaders({ https: config.PUBLIC_URL.protocol === 'https:' }),
      deprecation(ssePaths, config.PUBLIC_URL.pathname),
      hostGuard(config.ALLOWED_HOSTS),
      originGuard(config.ALLOWED_ORIGINS),
      cors(config.ALLOWED_ORIGINS, Object.keys(routes)),
      overloadGuard,
      endpoint(routes),
      rateLimitAddress({
        limiter: rateLimits.limiter('address', config.RATE_LIMIT_IP),
        windowMs: config.RATE_LIMIT_IP.windowMs,
      }),
      answerAt(metadataPaths, identity.metadata),
      ...(grants ? [answerAt(grants.paths, grants.pages)] : []),
    ],
    authentication: [
      authenticate({
        ...identity,
        failures: rateLimits.limiter('auth-failures', config.RATE_LIMIT_AUTH_FAILURES),
      }),
      rateLimitCaller(callerLimit),
    ],
    reading: [
      negotiate(config.LEGACY_SSE ? [SSE_PATHS.messages] : []),
      jsonBody({
        maxBytes: config.MAX_BODY_BYTES,
        maxDepth: config.MAX_JSON_DEPTH,
        maxMembers: config.MAX_JSON_MEMBERS,
      }),
      envelope(catalog, ssePaths),
    ],
    authorization: [
      authorize({
        catalog,
        challenge,
        spend: spendFromCaller(callerLimit),
      }),
    ],
    call: [eraRouter(eras)],
  };
  app.use(composeLayers(tracing ? traced(phases, tracing) : Object.values(phases).flat()));
  app.use(errorResponse({ logger, maxDrainBytes: config.MAX_BODY_BYTES }));

  return {
    /** Serves requests with this pipeline, and refuses in its format what Node would refuse by itself. */
    attach: (server: Server) => {
      answerParserRefusals(server, { audit, clientAddress: addressOf });
      const serve = routed(app);
      for (const event of ['request', 'checkContinue']) server.on(event, serve);
    },
    digests,
    /** Made only on loopback, outside production and without a key file. */
    developmentKey: identity.developmentKey,
    /** Ends the streams that only listen and waits for the calls in flight. */
    drain: async () =>
      void (await Promise.all([eras['2025'], eras['2026'], ...extensions].map((one) => one.drain()))),
    streams: () => eras['2025'].streams() + eras['2026'].streams(),
    bufferedBytes,
    close: async () => {
      await Promise.all(extensions.map((one) => one.close()));
      closeEras();
      overloadGuard.close();
      identity.standings.close();
      for (const verifier of identity.verifiers) verifier.close();
    },
  };
}

function traced({ audit, call, ...phases }: Phases, tracing: Tracing): RequestHandler[] {
  const spans = Object.entries(phases).flatMap(([name, layers]) => [tracing.layers(name), ...layers]);
  return [...audit, ...spans, tracing.call, ...call];
}

/**
 * Express answers a target without a path (`GET http://`) by itself, in HTML, before any layer runs. So we give it a path;
 * the layers read the target as sent, `originalUrl`.
 */
function routed(app: RequestListener): RequestListener {
  return (req, res) => {
    if (req.url?.startsWith('/') === false) Object.assign(req, { originalUrl: req.url, url: '/' });
    app(req, res);
  };
}
