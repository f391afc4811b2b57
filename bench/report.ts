/** What a measure found, and how it is shown: as text while it runs, as Markdown in the document. */
export interface Goal {
  readonly what: string;
  readonly reached: number;
  readonly limit: number;
  readonly isAtLeast: boolean;
  readonly unit?: string;
}

export interface Section {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly goals: readonly Goal[];
}

export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly date: string;
  /** Load average when the run began: above the idle of the machine, others were at work on it too. */
  readonly load: number;
}

export function isMet({ reached, limit, isAtLeast }: Goal): boolean {
  return isAtLeast ? reached >= limit : reached <= limit;
}

export function toText({ title, columns, rows, goals }: Section): string {
  const cells = [columns, ...rows].map((row) => row.map(shown));
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [`\n${title}`, ...lines, ...goals.map((goal) => `${verdict(goal)}  ${goalText(goal)}`)].join('\n');
}

export function toMarkdown({ title, columns, rows }: Section): string {
  return [`### ${title}`, '', table(columns, rows)].join('\n');
}

export function goalsTable(sections: readonly Section[]): string {
  const rows = sections
    .flatMap(({ goals }) => goals)
    .map((goal) => [goal.what, limitText(goal), `${shown(goal.reached)}${goal.unit ?? ''}`, verdict(goal)]);
  return table(['Measure', 'Goal', 'Reached', ''], rows);
}

export function describe({ node, cpu, cores, memoryGiB, os, date, load }: Machine): string {
  return `Node ${node}, ${cores} × ${cpu}, ${memoryGiB} GiB, ${os}, ${date}, load average ${load} at the start`;
}

function table(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.map(shown).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

function shown(value: string | number): string {
  if (typeof value === 'string') return value;
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function verdict(goal: Goal): string {
  return isMet(goal) ? 'met' : '**missed**';
}

function limitText({ limit, isAtLeast, unit = '' }: Goal): string {
  return `${isAtLeast ? '≥' : '≤'} ${limit}${unit}`;
}

function goalText(goal: Goal): string {
  return `${goal.what}: ${shown(goal.reached)}${goal.unit ?? ''} (goal ${limitText(goal)})`;
}
