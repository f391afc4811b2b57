/** Time from each layer's entry to the next one's. Only for one request at a time: what waits is counted too. */
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';

const times = new Map<string, number[]>();

/** Wraps every layer that is added from now on; once per process. */
export function timeLayers(): void {
  const application = express.application as { use: (handler: { layers?: RequestHandler[] }) => unknown };
  const use = application.use;
  application.use = function timed(handler) {
    handler.layers?.splice(0, handler.layers.length, ...handler.layers.map(wrap));
    return use.call(this, handler);
  };
}

/** Median nanoseconds of each layer, in their order. */
export function layerTimes(): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...times].map(([name, all]) => [name, all.sort((a, b) => a - b)[all.length >> 1] ?? 0]),
  );
}

function wrap(layer: RequestHandler): RequestHandler {
  const all: number[] = [];
  times.set(layer.name, all);
  return function timed(req: Request, res: Response, next: NextFunction) {
    const startedAt = process.hrtime.bigint();
    return layer(req, res, (error?: unknown) => {
      all.push(Number(process.hrtime.bigint() - startedAt));
      next(error);
    });
  };
}
