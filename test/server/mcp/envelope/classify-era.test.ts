import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { eraClassifier } from '../../../../src/server/mcp/envelope/classify-era.js';
import type { JsonRpcMessage } from '../../../../src/server/mcp/envelope/message.js';

const CLAIM = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

const version = fc.constantFrom(undefined, '', 'undefined', '2025-06-18', '2026-07-28', '2027-01-01');
const claim = fc.record(
  {
    'io.modelcontextprotocol/protocolVersion': fc.constantFrom(
      '2026-07-28',
      '2025-06-18',
      '2027-01-01',
      1,
      null,
    ),
    'io.modelcontextprotocol/clientInfo': fc.constantFrom({ name: 'c', version: '1' }, { name: 'c' }, 'c'),
    'io.modelcontextprotocol/clientCapabilities': fc.constantFrom({}, { elicitation: {} }, []),
    progressToken: fc.constantFrom('', 'a', 1, 1.5, 1e300, null, {}),
  },
  { requiredKeys: [] },
);
const meta = fc.oneof(
  claim,
  claim.map((it) => ({ ...CLAIM, ...it })),
  fc.constantFrom({}, [], null, 'meta', 1),
);
const params = fc.oneof(
  fc.constant({}),
  meta.map((_meta) => ({ _meta })),
  meta.map((_meta) => ({
    _meta,
    name: 'n',
    arguments: { protocolVersion: '2026-07-28' },
    protocolVersion: '1',
  })),
);
const message = fc.record(
  {
    jsonrpc: fc.constant('2.0'),
    id: fc.constantFrom(1, 'a'),
    method: fc.constantFrom('initialize', 'tools/call', 'notifications/cancelled'),
    params,
    extra: fc.constantFrom(true, null),
  },
  { requiredKeys: ['jsonrpc', 'method'] },
);

function outcome(eraOf: ReturnType<typeof eraClassifier>, given: object, at: string | undefined): unknown {
  try {
    return eraOf(given as JsonRpcMessage, at);
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test('whatever was asked before, an era is what the classifier says of the message itself', () => {
  const remembering = eraClassifier();
  const seen = new Set<unknown>();
  fc.assert(
    fc.property(message, version, (given, at) => {
      const asked = outcome(eraClassifier(), given, at);
      seen.add(asked);
      expect(outcome(remembering, given, at)).toBe(asked);
    }),
    { numRuns: 1500 },
  );
  for (const progressToken of [{}, null, 1.5]) {
    const given = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { _meta: { ...CLAIM, progressToken } },
    };
    expect(outcome(remembering, { ...given, params: { _meta: CLAIM } }, '2026-07-28')).toBe('2026');
    expect(outcome(remembering, given, '2026-07-28')).toBe(outcome(eraClassifier(), given, '2026-07-28'));
  }
  expect(seen).toEqual(new Set(['2025', '2026', 'malformed_message', 'header_mismatch']));
});
