import type { RequestHandler } from 'express';
import type { Era } from './era.js';
import type { Envelope } from './message.js';

/** Hands a request to the era that `envelope` found; it decides nothing itself. */
export function eraRouter(eras: Readonly<Record<Envelope['era'], Era>>): RequestHandler {
  return function eraRouter(req, res) {
    return eras[req.envelope.era].handle(req, res);
  };
}
