import type { RequestHandler } from 'express';
import { requestPath } from './request-path.js';

/**
 * Many layers as one: each is called by the one before it. Express would do the same, but looks up path, method and
 * parameters before each. What a layer throws, or rejects with, goes to the error layer.
 */
export function composeLayers(layers: RequestHandler[]) {
  const handler: RequestHandler = function composeLayers(req, res, leave) {
    // Each layer has a `next` of its own: one that is called twice runs what follows twice and skips nothing.
    const run = (index: number): void => {
      const layer = layers[index];
      if (!layer) return leave();
      try {
        const running: unknown = layer(req, res, (error?: unknown) =>
          error === undefined ? run(index + 1) : leave(error),
        );
        if (running instanceof Promise) running.catch(leave);
      } catch (error) {
        leave(error);
      }
    };
    run(0);
  };
  return Object.assign(handler, { layers });
}

/** Answers some paths, compared as sent, and lets the others pass. */
export function answerAt(paths: readonly string[], answer: RequestHandler): RequestHandler {
  return function answerAt(req, res, next) {
    return paths.includes(requestPath(req.originalUrl)) ? answer(req, res, next) : next();
  };
}
