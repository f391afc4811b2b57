import { expect, test } from '@jest/globals';
import { readConfig } from '../../../src/server/config/index.js';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

test.each([
  [{}, false],
  [{ OTEL_SERVICE_NAME: 'library' }, false],
  [ENDPOINT, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' }, true],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }, false],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, false],
  [
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://collector:4318', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    false,
  ],
])('%j exports traces: %p', (env, tracing) => {
  const { config, problems } = readConfig(env);
  expect(problems).toEqual([]);
  expect(config.tracing).toBe(tracing);
});

test.each([
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/json'],
  ['OTEL_TRACES_EXPORTER', 'zipkin'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'collector:4318'],
])('%s=%s would export nothing, and stops the start', (name, value) => {
  const { config, problems } = readConfig({ ...ENDPOINT, [name]: value });
  expect(problems.map(({ variable }) => variable)).toEqual([name]);
  expect(problems[0]?.message).not.toContain(value);
  expect(config.tracing).toBe(false);
});
