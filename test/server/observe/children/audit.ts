/** An audit on stdout or in the file that is named, driven over IPC so that stdout and stderr stay free. */
import { openAudit } from '../../../../src/server/observe/audit.js';
import { RefusedRequest } from '../../../../src/server/refusal.js';

export type Command =
  | { readonly do: 'complete'; readonly count: number }
  | { readonly do: 'received' | 'status' | 'close' | 'exit' };

const [, , path] = process.argv;
const audit = openAudit({
  sinks: [path === undefined ? { kind: 'stdout' } : { kind: 'file', path }],
  mode: 'strict',
  hmacKey: Buffer.alloc(32, 1),
  onProblem: (problem) => process.send?.({ problem }),
});
let count = 0;

const COMMANDS: Record<Command['do'], (command: Command) => unknown> = {
  complete(command) {
    const end = count + ('count' in command ? command.count : 0);
    while (count < end) audit.trail(`r${count++}`, { 'http.path': 'x'.repeat(900) }).end();
  },
  received: () =>
    audit
      .trail(`r${count++}`, {})
      .received()
      .then(() => 'written')
      .catch((error: unknown) => (error instanceof RefusedRequest ? error.code : String(error))),
  status: () => ({ accepting: audit.accepting(), healthy: audit.healthy() }),
  async close() {
    await audit.close();
    process.disconnect();
  },
  exit: () => process.exit(3),
};

async function obey(command: Command): Promise<void> {
  const answer = await COMMANDS[command.do](command);
  if (process.connected) process.send?.({ answer: answer ?? null }); // an absent member would be lost on the way
}

process.on('message', (command: Command) => void obey(command));
process.send?.({ answer: 'started' });
