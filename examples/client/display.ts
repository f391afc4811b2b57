/** Shows what happens while it happens: a live bar on a terminal, plain lines elsewhere. */
import type { WriteStream } from 'node:tty';

export interface Display {
  /** One line of news. `tone` colours it on a terminal. */
  line(text: string, tone?: Tone): void;
  progress(done: number, total: number | undefined, message: string): void;
  /** Leaves the bar behind as it is, before a question or the result. */
  leaveBar(): void;
}

export type Tone = 'dim' | 'plain' | 'warning' | 'error';

const COLOURS: Record<Tone, string> = { dim: '2', plain: '0', warning: '33', error: '31' };
const BAR_WIDTH = 24;

export function createDisplay(out: NodeJS.WriteStream | WriteStream): Display {
  return out.isTTY ? liveDisplay(out) : plainDisplay(out);
}

function plainDisplay(out: NodeJS.WritableStream): Display {
  return {
    line: (text) => void out.write(`${printable(text)}\n`),
    progress: (done, total, message) => void out.write(`${printable(progressText(done, total, message))}\n`),
    leaveBar: () => {},
  };
}

function liveDisplay(out: NodeJS.WriteStream): Display {
  let bar = '';
  const erase = () => bar !== '' && out.write('\r\u001b[K');
  return {
    line: (text, tone = 'plain') => {
      erase();
      out.write(`\u001b[${COLOURS[tone]}m${printable(text)}\u001b[0m\n${bar}`);
    },
    progress: (done, total, message) => {
      erase();
      const text = `${drawBar(done, total)} ${printable(progressText(done, total, message))}`;
      bar = text.slice(0, (out.columns || 80) - 1); // a wrapped line could not be erased
      out.write(bar);
    },
    leaveBar: () => {
      if (bar !== '') out.write('\n');
      bar = '';
    },
  };
}

function drawBar(done: number, total: number | undefined): string {
  const share = total ? Math.min(1, Math.max(0, done / total)) : 0;
  const filled = Math.round(share * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`;
}

function progressText(done: number, total: number | undefined, message: string): string {
  const share = total ? ` (${Math.floor((100 * done) / total)}%)` : '';
  return `progress ${done}${total ? `/${total}` : ''}${share} ${message}`;
}

/** A server's text must not steer the terminal (escape sequences, overwritten lines). */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
}
