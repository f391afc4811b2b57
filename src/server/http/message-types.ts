import { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';

/** What a server makes for each request, as options of `http.createServer`. */
export interface MessageTypes {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: typeof ServerResponse;
}

export function createMessageTypes(): MessageTypes {
  return {
    IncomingMessage: class extends IncomingMessage {},
    ServerResponse: class extends ServerResponse {} as typeof ServerResponse,
  };
}

/**
 * Express gives every request and response the prototype of its application. To change a prototype costs more than all
 * layers together, since V8 then knows nothing of the object any more; one that is made with it is left as it is.
 */
export function useMessageTypes(app: Express, types: MessageTypes): void {
  const { prototype: request } = types.IncomingMessage;
  const { prototype: response } = types.ServerResponse;
  Object.setPrototypeOf(request, app.request);
  Object.setPrototypeOf(response, app.response);
  Object.assign(app, { request, response });
}
