import type { RequestHandler } from 'express';
import { requestPath } from './request-path.js';

/**
 * Combines layers into one handler, in which each calls the next. Express would first match path, method and parameters for
 * each. What a layer throws or rejects with goes to the error layer.
 */
export function composeLayers(layers: RequestHandler[]) {
  const handler: RequestHandler = function composeLayers(req, res, leave) {
    // Each layer has its own `next`: calling it twice cannot skip a layer.
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

/** Answers some paths, compared as sent. */
export function answerAt(paths: readonly string[], answer: RequestHandler): RequestHandler {
  return function answerAt(req, res, next) {
    return paths.includes(requestPath(req.originalUrl)) ? answer(req, res, next) : next();
  };
}
