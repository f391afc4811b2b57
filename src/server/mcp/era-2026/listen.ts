/** `subscriptions/listen`: a stream of the changes that its caller asked for (MCP 2026-07-28, subscriptions). */
import type { Request, Response } from 'express';
import { callerKey, type Caller } from '../../identity/caller.js';
import { RefusedRequest } from '../../refusal.js';
import type { Change } from '../../stores/types.js';
import { INVALID_PARAMS, type Params } from '../calls/call.js';
import {
  declaresExtension,
  extensionRequired,
  type Listening,
  type OpenExtension,
} from '../extensions/extension.js';
import { createResponseWriter, type ResponseWriter } from '../exchange/response-writer.js';
import { allChanges, changeNotification, requireFewSubscriptions } from '../calls/notifications.js';
import { mayCall } from '../definitions/scopes.js';
import { isSubscriptionFilter, type SubscriptionFilter } from './engine.js';
import type { Era2026Options } from './options.js';

export function createListeners(options: Era2026Options) {
  /** The open streams, and how to end each cleanly. */
  const streams = new Map<ResponseWriter, () => void>();
  let draining = false;

  return {
    /** @throws {RefusedRequest} `too_many_streams`, `malformed_message` */
    async listen(req: Request, res: Response): Promise<void> {
      const { id = 0, message } = req.envelope;
      const requested = message?.params?.['notifications'];
      if (!isSubscriptionFilter(requested)) {
        const rpcCode = INVALID_PARAMS;
        throw new RefusedRequest('malformed_message', { rpcCode, message: 'Invalid params' });
      }
      requireFewSubscriptions(requested.resourceSubscriptions);
      const more = await listenToExtensions(requested, req, options.extensions);
      const giveBack = await options.streamSlots.take(callerKey(req.caller), options.maxStreamsPerCaller);
      if (!giveBack) throw new RefusedRequest('too_many_streams', { headers: { 'Retry-After': '5' } });
      const filter = Object.assign(
        honoured(requested, req.caller, options),
        ...more.map((one) => one.honoured),
      );
      const writer = createResponseWriter(res, options);
      writer.onClose(giveBack);
      const finish = await follow(options, writer, id, filter, more, () => streams.delete(writer));
      if (writer.closed) return;
      streams.set(writer, finish);
      if (draining || Object.keys(filter).length === 0) finish();
    },
    /** Ends every stream with its result; from now on, new ones end at once. */
    drain(): void {
      draining = true;
      for (const finish of streams.values()) finish();
    },
    size: () => streams.size,
  };
}

/** Sends the acknowledgment, then the changes that pass the filter. @returns a function that ends the stream cleanly */
async function follow(
  { changes, serverInfo }: Era2026Options,
  writer: ResponseWriter,
  id: string | number,
  notifications: SubscriptionFilter,
  more: readonly Listening[],
  onEnd: () => void,
): Promise<() => void> {
  const subscription = { 'io.modelcontextprotocol/subscriptionId': id };
  const send = (method: string, params: object) => {
    writer.send({ jsonrpc: '2.0', method, params: { ...params, _meta: subscription } });
  };
  let isTold = false;
  const tell = (change: Change) => {
    const { method, params } = changeNotification(change);
    if (isTold) send(method, { ...params });
  };
  const wanted = allChanges(notifications.resourceSubscriptions ?? []).filter((change) =>
    isWanted(notifications, change),
  );
  const { listening, stop: stopChanges } = changes.subscribe(wanted, tell);
  await listening; // before the client is told so
  isTold = true;
  send('notifications/subscriptions/acknowledged', { notifications });
  const tellAgain = () => wanted.forEach(tell);
  const stops = [stopChanges, changes.onMissed(tellAgain), ...more.map(({ start }) => start(send))];
  const stop = () => {
    for (const unsubscribe of stops) unsubscribe();
    onEnd();
  };
  writer.onClose(stop);

  return () => {
    stop();
    // An answer to the request that opened the stream marks the end as intended (graceful closure).
    const _meta = { ...subscription, 'io.modelcontextprotocol/serverInfo': serverInfo };
    writer.answer({ jsonrpc: '2.0', id, result: { resultType: 'complete', _meta } });
  };
}

/** @throws {RefusedRequest} `missing_capability` for what an undeclared extension would tell */
async function listenToExtensions(
  filter: SubscriptionFilter,
  { caller, envelope }: Request,
  extensions: readonly OpenExtension[],
): Promise<readonly Listening[]> {
  const meta = (envelope.message?.params?.['_meta'] ?? {}) as Params;
  const capabilities = (meta['io.modelcontextprotocol/clientCapabilities'] ?? {}) as Params;
  const listening: Listening[] = [];
  for (const { id, listen } of extensions) {
    const one = await listen?.(filter, caller);
    if (one && !declaresExtension(id, capabilities)) throw extensionRequired(id);
    if (one) listening.push(one);
  }
  return listening;
}

function isWanted(filter: SubscriptionFilter, change: Change): boolean | undefined {
  if (change.kind !== 'resource') return filter[`${change.kind}ListChanged`];
  return filter.resourceSubscriptions?.includes(change.uri);
}

/** The part of the filter that this server supports and this caller may see. */
function honoured(filter: SubscriptionFilter, caller: Caller, options: Era2026Options): SubscriptionFilter {
  const { capabilities, catalog } = options;
  const offers = (family: string, member: string) => capabilities[family]?.[member] === true;
  const mayRead = (uri: string) => {
    const found = catalog.findResource(uri);
    return found !== undefined && mayCall(caller, found.resource);
  };
  const result: SubscriptionFilter = {};
  for (const family of ['tools', 'prompts', 'resources'] as const) {
    const key = `${family}ListChanged` as const;
    if (filter[key] && offers(family, 'listChanged')) result[key] = true;
  }
  if (offers('resources', 'subscribe')) {
    const uris = [...new Set(filter.resourceSubscriptions)].filter(mayRead);
    if (uris.length > 0) result.resourceSubscriptions = uris;
  }
  return result;
}
