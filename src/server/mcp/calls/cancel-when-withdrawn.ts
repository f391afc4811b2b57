import type { WatchCredential } from '../../identity/standings.js';
import type { Cancellation } from './call.js';

/** A call must not go on for somebody whose credential was withdrawn. Returns the way to stop. */
export function cancelWhenWithdrawn(watch: WatchCredential, cancellation: Cancellation): () => void {
  return watch((standing, refusal) => {
    if (standing === 'withdrawn') cancellation.cancel(refusal);
  });
}
