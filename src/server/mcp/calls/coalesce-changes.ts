import type { Change } from '../../stores/types.js';

/** Changes of one kind, or of one URI, are told at most this often. */
const WINDOW_MS = 100;
/** URIs that wait at the same time; those beyond it are told at once, since a map must not grow with a storm. */
const MAX_WAITING = 10_000;

/**
 * A tool may call `changed` 50,000 times a second. Of each kind or URI the first change is told at once and the last one
 * always; what comes between is the same news.
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
