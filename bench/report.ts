/** What a measure found, and how it is shown: as text while it runs, as Markdown in the document. */
export interface Goal {
  readonly what: string;
  readonly reached: number;
  readonly limits: Limits;
  readonly isAtLeast: boolean;
}

interface Limits {
  /** Without it, the goal is a must. */
  readonly must?: number;
  readonly goal: number;
  readonly unit?: string;
}

export function atLeast(what: string, reached: number, limits: Limits): Goal {
  return { what, reached, limits, isAtLeast: true };
}

export function atMost(what: string, reached: number, limits: Limits): Goal {
  return { what, reached, limits, isAtLeast: false };
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

export function isMissed(goal: Goal): boolean {
  return !isWithin(goal, goal.limits.must ?? goal.limits.goal);
}

function isWithin({ reached, isAtLeast }: Goal, limit: number): boolean {
  return isAtLeast ? reached >= limit : reached <= limit;
}

export function toText({ title, columns, rows, goals }: Section): string {
  const cells = [columns, ...rows].map((row) => row.map(shown));
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [`\n${title}`, ...lines, ...goals.map(line)].join('\n');
}

function line(goal: Goal): string {
  const must = goal.limits.must === undefined ? '' : `must ${mustText(goal)}, `;
  return `${verdict(goal)}  ${goal.what}: ${reachedText(goal)} (${must}goal ${goalText(goal)})`;
}

export function toMarkdown({ title, columns, rows }: Section): string {
  return [`### ${title}`, '', table(columns, rows)].join('\n');
}

export function goalsTable(sections: readonly Section[]): string {
  const rows = sections
    .flatMap(({ goals }) => goals)
    .map((goal) => [goal.what, mustText(goal), goalText(goal), reachedText(goal), verdict(goal)]);
  return table(['Measure', 'Must', 'Goal', 'Reached', ''], rows);
}

/** The same goals, reached by several runs. */
export function compared(runs: Readonly<Record<string, readonly Section[]>>): string {
  const all = Object.values(runs).map((sections) => sections.flatMap(({ goals }) => goals));
  const rows = (all[0] ?? []).map(({ what }) => {
    const reached = all.map((goals) => goals.find((goal) => goal.what === what));
    return [what, ...reached.map((goal) => (goal ? reachedText(goal) : 'not measured'))];
  });
  return table(['Measure', ...Object.keys(runs)], rows);
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
  if (isWithin(goal, goal.limits.goal)) return 'met';
  return isMissed(goal) ? '**missed**' : 'must met';
}

function mustText({ limits: { must }, isAtLeast }: Goal): string {
  return must === undefined ? '' : limitText(must, isAtLeast);
}

function goalText({ limits: { goal, unit = '' }, isAtLeast }: Goal): string {
  return limitText(goal, isAtLeast) + unit;
}

function reachedText({ reached, limits: { unit = '' } }: Goal): string {
  return shown(reached) + unit;
}

function limitText(limit: number, isAtLeast: boolean): string {
  return `${isAtLeast ? '≥' : '≤'} ${limit}`;
}
