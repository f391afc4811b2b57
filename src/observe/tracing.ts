/** version "-" trace-id "-" parent-id "-" flags, lower-case hex (W3C Trace Context §3.2); version ff is forbidden. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const ALL_ZERO = /^0+$/;

/** The trace id of a `traceparent` header, or `undefined` when the header is absent or malformed. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  const [, version, traceId = '', parentId = '', rest] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (version === undefined || ALL_ZERO.test(traceId) || ALL_ZERO.test(parentId)) return undefined;
  if (version === '00' && rest !== undefined) return undefined;
  return traceId;
}
