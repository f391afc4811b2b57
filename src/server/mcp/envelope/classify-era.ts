/** Finds the era of a message, by the SDK's classifier. */
import { classifyInboundRequest, type InboundLadderRejection } from '@modelcontextprotocol/server';
import { RefusedRequest } from '../../refusal.js';
import type { Envelope, JsonRpcMessage } from './message.js';

/** Limits of the cache. Larger or unusual metadata is classified every time. */
const MAX_KNOWN = 500;
const MAX_ESSENCE_CHARS = 1000;

/**
 * Classifies similar requests once: the classifier tries several schemas on the whole message, which costs more than the
 * rest of reading a small call.
 *
 * @returns a function from a message that `readMessage` accepted, and its `MCP-Protocol-Version` header, to its era
 * @throws {RefusedRequest} `malformed_message`, `header_mismatch`
 */
export function eraClassifier() {
  const known = new Map<string, Envelope['era']>();
  return (message: JsonRpcMessage, version: string | undefined): Envelope['era'] => {
    const essence = essenceOf(message, version);
    if (essence === undefined) return classify(message, version);
    const found = known.get(essence);
    if (found !== undefined) return found;
    const era = classify(message, version);
    if (known.size === MAX_KNOWN) known.clear();
    known.set(essence, era);
    return era;
  };
}

/** All that the era of a request depends on, or `undefined` for an unusual one. Leaves out the progress token. */
function essenceOf(message: JsonRpcMessage, version: string | undefined): string | undefined {
  const { id, method, params } = message;
  const hasMore = Object.keys(message).length !== (params === undefined ? 3 : 4);
  if (id === undefined || method === undefined || hasMore) return undefined;
  const { _meta: meta = {} } = params ?? {};
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) return undefined;
  const { progressToken = '', ...rest } = meta as Readonly<Record<string, unknown>>;
  if (typeof progressToken !== 'string' && !Number.isSafeInteger(progressToken)) return undefined;
  const essence = JSON.stringify([version, method === 'initialize', rest]);
  return essence.length > MAX_ESSENCE_CHARS ? undefined : essence;
}

function classify(message: JsonRpcMessage, version: string | undefined): Envelope['era'] {
  const outcome = classifyInboundRequest({
    httpMethod: 'POST',
    body: message,
    ...(version !== undefined && { protocolVersionHeader: version }),
  });
  if (outcome.kind === 'reject') throw toRefusal(outcome);
  return outcome.kind === 'modern' ? '2026' : '2025';
}

/** The classifier's messages quote what the client sent; ours do not. */
function toRefusal({ code, cell }: InboundLadderRejection): RefusedRequest {
  const detail = { reason: cell };
  if (code === -32020) return new RefusedRequest('header_mismatch', { detail });
  if (code !== -32602) return new RefusedRequest('malformed_message', { detail });
  return new RefusedRequest('malformed_message', {
    detail,
    rpcCode: code,
    message: 'Invalid or missing _meta',
  });
}
