import type { Request, RequestHandler, Response } from 'express';
import type { Envelope } from './envelope/message.js';

/** One protocol era: answers requests that every layer has let pass. */
export interface Era {
  /** Answers by writing to `res`, or throws a `RefusedRequest` before anything is written. */
  handle(req: Request, res: Response): Promise<void>;
  /** Ends the streams that only listen, cleanly, and resolves when no call is in flight any more. */
  drain(): Promise<void>;
  /** Open streams, for metrics. */
  streams(): number;
}

/** Passes a request to the era that `envelope` found. */
export function eraRouter(eras: Readonly<Record<Envelope['era'], Era>>): RequestHandler {
  return function eraRouter(req, res) {
    return eras[req.envelope.era].handle(req, res);
  };
}
