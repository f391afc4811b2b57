/** Makes a line of the server's output readable: audit records and log lines are JSON, other lines stay. */

type Fields = Readonly<Record<string, unknown>>;

/** pino's numbers for its levels. */
const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
/** Fields that are shown elsewhere in the line, or not at all. */
const SAME_EVERY_TIME = new Set(['time', 'pid', 'hostname']);
const COLOURS = { good: '32', bad: '31', doubtful: '33', dim: '2' } as const;
type Tone = keyof typeof COLOURS;

export function readable(line: string, isColoured: boolean): string {
  const fields = parse(line);
  if (!fields) return printable(line);
  const [tone, text] = 'stage' in fields ? auditLine(fields) : logLine(fields);
  const words = `${timeOf(fields['time'])} ${printable(text)}`;
  return isColoured ? `\u001b[${COLOURS[tone]}m${words}\u001b[0m` : words;
}

function parse(line: string): Fields | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Fields;
  } catch {
    return undefined;
  }
}

function auditLine(fields: Fields): [Tone, string] {
  const caller = fields['caller'] as { keyId?: string; subject?: string } | undefined;
  const words = [
    fields['stage'],
    Object.hasOwn(Object(fields['detail']), 'definitions') && 'definitions',
    fields['http.method'],
    fields['http.path'],
    fields['http.status'],
    fields['mcp.method.name'],
    fields['gen_ai.tool.name'],
    caller && `by ${caller.keyId ?? caller.subject}`,
    fields['reason'],
    typeof fields['durationMs'] === 'number' && `${Math.round(fields['durationMs'])} ms`,
  ];
  const isRefused = fields['decision'] === 'deny';
  const tone = fields['stage'] === 'received' ? 'dim' : isRefused ? 'bad' : 'good';
  return [tone, words.filter(Boolean).join(' ')];
}

function logLine({ level, msg, ...more }: Fields): [Tone, string] {
  const rest = Object.fromEntries(Object.entries(more).filter(([name]) => !SAME_EVERY_TIME.has(name)));
  const name = LEVELS[Number(level)] ?? String(level);
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
  const tone = Number(level) >= 50 ? 'bad' : Number(level) >= 40 ? 'doubtful' : 'dim';
  return [tone, `${name} ${String(msg)}${details}`];
}

function timeOf(time: unknown): string {
  const date = new Date(time as string | number);
  return Number.isNaN(date.getTime()) ? '' : date.toTimeString().slice(0, 8);
}

/** Removes control characters: a caller's text must not control the terminal. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
