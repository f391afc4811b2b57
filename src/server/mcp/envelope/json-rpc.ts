/** The shape of one JSON-RPC 2.0 message as MCP narrows it: no arrays, no null id, params and results are objects. */
import { RefusedRequest } from '../../refusal.js';
import type { Envelope, JsonRpcMessage } from './message.js';

/** Of ids and progress tokens: they come back with every message of a call. */
const MAX_ID_LENGTH = 256;
const MAX_METHOD_LENGTH = 128;

type MessageKind = Extract<Envelope['kind'], 'request' | 'notification' | 'response'>;

/** @throws {RefusedRequest} `malformed_message` */
export function readMessage(body: unknown): { kind: MessageKind; message: JsonRpcMessage } {
  // Arrays are refused in every revision: scopes, costs and audit hold for one message.
  if (!isObject(body)) throw malformed('not_an_object');
  if (body['jsonrpc'] !== '2.0') throw malformed('jsonrpc_version');
  if ('id' in body && !isId(body['id'])) throw malformed('id');
  return { kind: kindOf(body), message: body as unknown as JsonRpcMessage };
}

function kindOf(body: Readonly<Record<string, unknown>>): MessageKind {
  const { method, params } = body;
  if (method !== undefined) {
    if (typeof method !== 'string' || method === '' || method.length > MAX_METHOD_LENGTH)
      throw malformed('method');
    if (params !== undefined && !isObject(params)) throw malformed('params');
    if (!isShortToken(params)) throw malformed('progress_token');
    if ('result' in body || 'error' in body) throw malformed('request_and_response');
    return 'id' in body ? 'request' : 'notification';
  }
  if (!('id' in body)) throw malformed('neither_request_nor_response');
  const isAnswer = 'error' in body ? !('result' in body) && isError(body['error']) : isObject(body['result']);
  if (!isAnswer) throw malformed('result_or_error');
  return 'response';
}

function isId(id: unknown): boolean {
  return typeof id === 'string' ? id.length <= MAX_ID_LENGTH : Number.isSafeInteger(id);
}

/** @param params of a request. Its progress token comes back with each notification, so its length is multiplied. */
export function isShortToken(params: Readonly<Record<string, unknown>> | undefined): boolean {
  const meta = params?.['_meta'] as Readonly<Record<string, unknown>> | null | undefined;
  const token = meta?.['progressToken'];
  return typeof token !== 'string' || token.length <= MAX_ID_LENGTH;
}

function isError(error: unknown): boolean {
  return isObject(error) && Number.isSafeInteger(error['code']) && typeof error['message'] === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(reason: string): RefusedRequest {
  return new RefusedRequest('malformed_message', { detail: { reason } });
}
