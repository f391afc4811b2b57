import type { Change } from '../../stores/types.js';

/** Interval between two notifications of one kind, or about one URI. */
const WINDOW_MS = 100;
/** Bounds the map: beyond this many windows, changes are sent at once. */
const MAX_WAITING = 10_000;

/**
 * A tool may call `changed` 50,000 times a second. For each kind or URI we send the first change at once and the last one at
 * the end of the window; those between would tell clients nothing new.
 */
export function coalesceChanges(publish: (change: Change) => void): (change: Change) => void {
  /** By kind or URI: the change that waits for the end of its window, if one came. */
  const windows = new Map<string, Change | undefined>();

  function changed(change: Change): void {
    const key = change.kind === 'resource' ? `resource ${change.uri}` : change.kind;
    if (windows.has(key)) return void windows.set(key, change);
    publish(change);
    if (windows.size >= MAX_WAITING) return;
    windows.set(key, undefined);
    setTimeout(endWindow, WINDOW_MS, key).unref();
  }

  function endWindow(key: string): void {
    const waiting = windows.get(key);
    windows.delete(key);
    if (waiting) changed(waiting);
  }

  return changed;
}
