/** Who may run now, by name: at most so many at once, the others in the order in which they came. */
interface Turns {
  running: number;
  readonly waiting: Set<() => void>;
}

const byName = new Map<string, Turns>();

/**
 * @returns gives the turn to the next; to be called once
 * @throws the reason of the signal when the turn does not come before it
 */
export async function takeTurn(name: string, maxAtOnce: number, signal: AbortSignal): Promise<() => void> {
  const turns = byName.get(name) ?? { running: 0, waiting: new Set() };
  byName.set(name, turns);
  if (turns.running >= maxAtOnce) await ofNext(turns, signal);
  else turns.running += 1;

  return () => {
    const [next] = turns.waiting;
    if (next) return next(); // the turn is handed on: `running` stays
    turns.running -= 1;
    if (turns.running === 0) byName.delete(name);
  };
}

function ofNext({ waiting }: Turns, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      waiting.delete(onTurn);
      reject(signal.reason as Error);
    };
    const onTurn = () => {
      waiting.delete(onTurn);
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    waiting.add(onTurn);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
