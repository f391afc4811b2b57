/** The tools of every server: an echo, two that stream, and as many more as a measure asks for. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

export const TOOL_INPUT = {
  text: z.string().max(200).describe('Comes back as it is'),
  times: z.number().int().min(0).max(1_000_000).optional().describe('How often'),
};

export const TOOL_OUTPUT = { text: z.string() };

type Log = (level: 'info', data: unknown) => unknown;

/** How long `notify` goes on after its notification: the answer must not overtake it. */
const NOTIFY_MS = 10;
const FLOOD_EVENT = 'x'.repeat(1000);

export function toolNames(count: number): readonly string[] {
  const others = Array.from({ length: Math.max(0, count - 3) }, (_, index) => `tool_${index}`);
  return ['echo', 'notify', 'flood', ...others].slice(0, count);
}

export async function runTool(
  name: string,
  { text, times = 0 }: { readonly text: string; readonly times?: number | undefined },
  log: Log,
): Promise<{ readonly text: string }> {
  if (name === 'notify') {
    void log('info', 'first');
    await sleep(NOTIFY_MS);
  } else if (name === 'flood') {
    for (let i = 0; i < times; i += 1) {
      void log('info', FLOOD_EVENT);
      if (i % 50 === 0) await turn(); // else nothing could be sent before the end
    }
  }
  return { text };
}
