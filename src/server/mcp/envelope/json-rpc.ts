/** Checks one JSON-RPC 2.0 message by MCP's stricter rules: no arrays, no null id, params and results are objects. */
import { RefusedRequest } from '../../refusal.js';
import type { Envelope, JsonRpcMessage } from './message.js';

/** Of ids and progress tokens, which every message of a call repeats. */
const MAX_ID_LENGTH = 256;
const MAX_METHOD_LENGTH = 128;

type MessageKind = Extract<Envelope['kind'], 'request' | 'notification' | 'response'>;

/** @throws {RefusedRequest} `malformed_message` */
export function readMessage(body: unknown): { kind: MessageKind; message: JsonRpcMessage } {
  // Arrays are refused in every revision: scopes, costs and audit apply to one message.
  if (!isObject(body)) throw malformed('not_an_object');
  const problem = problemOf(body);
  if (problem !== undefined) throw malformed(problem, body);
  return { kind: kindOf(body), message: body as unknown as JsonRpcMessage };
}

type Body = Readonly<Record<string, unknown>>;

function problemOf(body: Body): string | undefined {
  const { method, params } = body;
  if (body['jsonrpc'] !== '2.0') return 'jsonrpc_version';
  if ('id' in body && !isId(body['id'])) return 'id';
  if (method !== undefined) {
    if (typeof method !== 'string' || method === '' || method.length > MAX_METHOD_LENGTH) return 'method';
    if (params !== undefined && !isObject(params)) return 'params';
    if (!isShortToken(params)) return 'progress_token';
    return isAnswer(body) ? 'request_and_response' : undefined;
  }
  if (!('id' in body)) return 'neither_request_nor_response';
  const isWhole = 'error' in body ? !('result' in body) && isError(body['error']) : isObject(body['result']);
  return isWhole ? undefined : 'result_or_error';
}

function kindOf(body: Body): MessageKind {
  if (body['method'] === undefined) return 'response';
  return 'id' in body ? 'request' : 'notification';
}

function isAnswer(body: Body): boolean {
  return 'result' in body || 'error' in body;
}

function isId(id: unknown): id is string | number {
  return typeof id === 'string' ? id.length <= MAX_ID_LENGTH : Number.isSafeInteger(id);
}

/** Each progress notification repeats the token, so its length is multiplied. @param params of a request */
function isShortToken(params: Body | undefined): boolean {
  const meta = params?.['_meta'] as Readonly<Record<string, unknown>> | null | undefined;
  const token = meta?.['progressToken'];
  return typeof token !== 'string' || token.length <= MAX_ID_LENGTH;
}

function isError(error: unknown): boolean {
  return isObject(error) && Number.isSafeInteger(error['code']) && typeof error['message'] === 'string';
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Includes the id of a request if it is readable (JSON-RPC 2.0 §5). The id of an answer belongs to a request of ours. */
function malformed(reason: string, body: Body = {}): RefusedRequest {
  const { id, method } = body;
  const isRequest = isId(id) && (method !== undefined || !isAnswer(body));
  return new RefusedRequest('malformed_message', { detail: { reason }, ...(isRequest && { id }) });
}
