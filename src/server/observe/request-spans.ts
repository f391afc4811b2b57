/** The spans of one HTTP request: its own, one for each group of layers, and one for the MCP call in it. */
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { Request, RequestHandler, Response } from 'express';
import type { AuditFacts } from './audit-record.js';
import { knownMethod, outcomeOf } from './metrics.js';
import { redact } from './redact.js';

/** Reads `traceparent` and `tracestate`. No baggage: outbound calls would pass on a client's text. */
export const W3C = new W3CTraceContextPropagator();
const CARRIER = {
  keys: (carrier: object) => Object.keys(carrier),
  get: (carrier: object, key: string) => {
    const value = (carrier as Readonly<Record<string, unknown>>)[key];
    return typeof value === 'string' && redact(value) === value ? value : undefined;
  },
};

/** The open spans of one request. */
interface Traced {
  readonly span: Span;
  /** Parent context for the children of `span`. */
  readonly context: Context;
  /** The span of the current group of layers, or of the call. */
  current?: Span;
}

export function traceRequests(tracer: Tracer) {
  const requests = new WeakMap<Request, Traced>();

  function begin(req: Request, res: Response): Traced {
    const parent = W3C.extract(ROOT_CONTEXT, req.headers, CARRIER);
    const span = tracer.startSpan(req.method, { kind: SpanKind.SERVER }, parent);
    const traced: Traced = { span, context: trace.setSpan(parent, span) };
    requests.set(req, traced);
    req.audit.note({ traceId: span.spanContext().traceId });
    res.once('close', () => {
      end(traced.current, req.audit.facts);
      endRequest(span, req, res);
    });
    return traced;
  }

  /** The client's context in `_meta` takes precedence; the HTTP request, perhaps a proxy's, then becomes a link. */
  function beginCall(req: Request, { span: http, context: within }: Traced): Span {
    const { message } = req.envelope;
    const parent = W3C.extract(ROOT_CONTEXT, message?.params?.['_meta'] ?? {}, CARRIER);
    const isClients = trace.getSpanContext(parent) !== undefined;
    const span = tracer.startSpan(
      nameOf(req.audit.facts),
      {
        kind: SpanKind.SERVER,
        attributes: attributesOf(req.audit.facts),
        ...(isClients && { links: [{ context: http.spanContext() }] }),
      },
      isClients ? parent : within,
    );
    req.audit.note({ traceId: span.spanContext().traceId });
    return span;
  }

  return {
    /** A layer that ends the previous group's span and begins the next one. */
    layers(group: string): RequestHandler {
      return function tracedLayers(req, res, next) {
        const traced = requests.get(req) ?? begin(req, res);
        traced.current?.end();
        traced.current = tracer.startSpan(group, {}, traced.context);
        context.with(trace.setSpan(traced.context, traced.current), next);
      };
    },

    /** The last layer: begins the span of the call. */
    call: function tracedCall(req: Request, _res: Response, next: () => void): void {
      const traced = requests.get(req);
      traced?.current?.end();
      if (traced === undefined || req.envelope.method === undefined) return next();
      traced.current = beginCall(req, traced);
      context.with(trace.setSpan(traced.context, traced.current), next);
    } satisfies RequestHandler,
  };
}

function nameOf({ 'gen_ai.tool.name': tool, 'mcp.method.name': method = '' }: AuditFacts): string {
  return tool === undefined || tool === 'unknown' ? knownMethod(method) : `${method} ${tool}`;
}

function attributesOf(facts: AuditFacts): Attributes {
  const { 'gen_ai.tool.name': tool, 'mcp.method.name': method = '', 'mcp.protocol.version': version } = facts;
  return {
    'mcp.method.name': knownMethod(method),
    ...(version !== undefined && { 'mcp.protocol.version': version }),
    ...(tool !== undefined && {
      'gen_ai.tool.name': tool === 'unknown' ? '_OTHER' : tool,
      'gen_ai.operation.name': 'execute_tool',
    }),
    'network.transport': 'tcp',
    'network.protocol.name': 'http',
  };
}

/** Ends the span of the layers that refused, or of the call, with the outcome from the audit. */
function end(span: Span | undefined, facts: AuditFacts): void {
  const { reason = '_OTHER', 'rpc.code': rpcCode } = facts;
  const outcome = outcomeOf(facts);
  if (rpcCode !== undefined) span?.setAttribute('rpc.response.status_code', String(rpcCode));
  if (outcome === 'refused') fail(span, reason);
  else if (outcome !== 'ok') fail(span, outcome === 'error' ? String(rpcCode) : outcome);
  span?.end();
}

/** An HTTP server span is an error only when the server failed, not its client (HTTP conventions). */
function endRequest(span: Span, req: Request, res: Response): void {
  const { reason, 'mcp.era': era, 'http.method': method = '' } = req.audit.facts;
  if (era !== undefined) span.updateName(`${method} ${req.path}`); // one of our paths, since `envelope` has run
  span.setAttribute('http.request.method', method);
  if (res.headersSent) span.setAttribute('http.response.status_code', res.statusCode);
  if (res.statusCode >= 500) fail(span, reason ?? String(res.statusCode));
  else if (reason !== undefined) span.setAttribute('error.type', reason);
  span.end();
}

function fail(span: Span | undefined, type: string): void {
  span?.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR });
}
