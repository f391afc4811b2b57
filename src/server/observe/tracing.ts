/**
 * Traces by OTLP. `process.ts` loads this file only when an exporter is configured; OpenTelemetry reads its own variables.
 *
 *   POST /mcp ─┬─ one span per group of layers
 *              └─ tools/call NAME ── execute_tool NAME
 *
 * Names follow the OpenTelemetry conventions for HTTP and MCP. No span contains an argument, a result, an address, a caller
 * or any other text of a client.
 */
import { diag, DiagLogLevel, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { manifest } from '../mcp/definitions/server-info.js';
import type { Logger } from './logger.js';
import { traceRequests, W3C } from './request-spans.js';

/** How long a shutdown waits for the last spans. */
const FLUSH_DEADLINE_MS = 5000;

export type Tracing = ReturnType<typeof startTracing>;

export function startTracing() {
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': manifest.name })) // OTEL_SERVICE_NAME overrides it
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register({ propagator: W3C });
  const tracer = provider.getTracer(manifest.name);
  return {
    ...traceRequests(tracer),

    /** The tool with a span around each run. */
    tool<T extends { readonly name: string; readonly run: (...args: never[]) => unknown }>(tool: T): T {
      const run = (...args: never[]) =>
        tracer.startActiveSpan(`execute_tool ${tool.name}`, async (span) => {
          try {
            return await tool.run(...args);
          } catch (error) {
            const type = error instanceof Error ? error.name : '_OTHER'; // its message may quote an argument
            span.setAttribute('error.type', type);
            // No failure: the 2026 era unwinds a tool that asks, and the next request brings the answer.
            if (type !== 'InputRequired') span.setStatus({ code: SpanStatusCode.ERROR });
            throw error;
          } finally {
            span.end();
          }
        });
      return { ...tool, run };
    },

    /** Fields for every line of the log. */
    logFields(): object {
      const { traceId, spanId } = trace.getActiveSpan()?.spanContext() ?? {};
      return traceId === undefined ? {} : { traceId, spanId };
    },

    /** Logs OpenTelemetry's problems, such as a collector that does not answer. */
    reportTo(logger: Logger): void {
      const report = (problem: string) => logger.warn({ problem }, 'traces are not exported');
      const quiet = () => {};
      diag.setLogger(
        { error: report, warn: report, info: quiet, debug: quiet, verbose: quiet },
        { logLevel: DiagLogLevel.WARN },
      );
    },

    /** Exports what is left. */
    async close(): Promise<void> {
      const deadline = new Promise((resolve) => setTimeout(resolve, FLUSH_DEADLINE_MS).unref());
      await Promise.race([provider.shutdown(), deadline]).catch(() => {}); // reported by then
    },
  };
}
