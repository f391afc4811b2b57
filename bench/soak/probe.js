/**
 * Loaded into each server of the soak, and into nothing else: collects garbage and counts timers when it is asked to. Node
 * lists no timer that is `unref`ed, so the living ones are counted on the heap, which collects once more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';

const timer = setTimeout(() => {}, 0);
const Timeout = timer.constructor;

async function count() {
  globalThis.gc();
  await sleep(50); // what was waiting for it is let go
  process.send(queryObjects(Timeout, { format: 'count' }));
}

process.on('message', () => void count());
process.on('disconnect', () => process.exit()); // the soak is over, however it ended
process.channel.unref();
