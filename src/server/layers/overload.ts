import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { RequestHandler } from 'express';
import { RefusedRequest } from '../refusal.js';

export interface OverloadOptions {
  /** Responses that may be open at once, streams included. */
  readonly maxInFlight: number;
  /** Whether memory has room for the largest answer, beside those that clients have not read yet. */
  readonly hasRoom?: () => boolean;
  /** Mean delay of the event loop, in milliseconds, above which new work is refused. Default 250. */
  readonly maxEventLoopDelayMs?: number;
  /** Share of the heap limit (0 to 1) above which new work is refused. Default 0.95. */
  readonly maxHeapShare?: number;
}

const RESOLUTION_MS = 20;
const SAMPLE_MS = 500;

/** Refuses new work while the process cannot keep up, so that accepted work still ends in time. */
export function overload({
  maxInFlight,
  hasRoom = () => true,
  maxEventLoopDelayMs = 250,
  maxHeapShare = 0.95,
}: OverloadOptions) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let strain: string | undefined;
  let wasDelayed = false;
  let inFlight = 0;

  function sample(): void {
    // The histogram measures periods, which include the resolution itself; without samples its mean is NaN.
    const delayMs = delay.mean / 1e6 - RESOLUTION_MS;
    const heap = getHeapStatistics();
    const isDelayed = delayMs > maxEventLoopDelayMs;
    // One long turn (a start, a garbage collection) is over by now; only a delay that lasts is overload.
    strain = isDelayed && wasDelayed ? 'event_loop' : undefined;
    if (heap.used_heap_size > heap.heap_size_limit * maxHeapShare) strain ??= 'heap';
    wasDelayed = isDelayed;
    delay.reset();
  }

  const timer = setInterval(sample, SAMPLE_MS).unref();
  delay.enable();

  const guard: RequestHandler = function overload(_req, res, next) {
    const reason = inFlight >= maxInFlight ? 'in_flight' : (strain ?? (hasRoom() ? undefined : 'answers'));
    if (reason !== undefined) {
      throw new RefusedRequest('overloaded', { detail: { reason }, headers: { 'Retry-After': '1' } });
    }
    inFlight += 1;
    res.on('close', () => {
      inFlight -= 1;
    });
    next();
  };
  return Object.assign(guard, {
    close() {
      clearInterval(timer);
      delay.disable();
    },
  });
}
