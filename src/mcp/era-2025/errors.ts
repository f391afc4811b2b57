/** What the error of a handler becomes in revisions up to 2025-11-25. */
import { RefusedRequest } from '../../refusal.js';
import { INTERNAL_ERROR, INVALID_PARAMS, RpcError } from '../call.js';
import { MissingCapability, ToolError } from '../tool.js';

/** The JSON-RPC error that answers the call; `undefined` for an error that is not an answer. */
export function toRpcError(error: unknown): RpcError | undefined {
  if (error instanceof RpcError) return error;
  if (error instanceof MissingCapability) return new RpcError(INVALID_PARAMS, error.message);
  if (error instanceof ToolError) return new RpcError(INTERNAL_ERROR, error.message);
  return undefined;
}

/** Says what is left to say on a stream, whose HTTP status has gone out already. */
export function toStreamedError(error: unknown, requestId: string): RpcError {
  if (!(error instanceof RefusedRequest))
    return new RpcError(INTERNAL_ERROR, `Internal error (request ${requestId})`);
  return new RpcError(error.rpcCode, error.message, { code: error.code, requestId });
}
