/** A bar chart as SVG: requests per second of each server, as a share of the bare SDK's. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly isOurs: boolean;
}

const WIDTH = 720;
const LABELS = 210;
const BAR = 22;
const GAP = 8;
const HEADING = 34;

export function barChart(
  groups: readonly { readonly title: string; readonly bars: readonly Bar[] }[],
): string {
  const widest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const scale = (WIDTH - LABELS - 70) / widest;
  const parts: string[] = [];
  let y = 10;
  for (const { title, bars } of groups) {
    parts.push(text(0, y + 16, title, 'font-weight="600"'));
    y += HEADING - 6;
    for (const { label, value, isOurs } of bars) {
      const width = Math.max(1, value * scale).toFixed(1);
      parts.push(
        text(LABELS - 10, y + 16, label, 'text-anchor="end"'),
        `<rect x="${LABELS}" y="${y}" width="${width}" height="${BAR}" rx="2" fill="${isOurs ? '#1f7a4d' : '#8a94a6'}"/>`,
        text(LABELS + Number(width) + 8, y + 16, value.toFixed(2), ''),
      );
      y += BAR + GAP;
    }
    y += GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="14">`,
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" fill="#1c2430" ${attributes}>${escaped}</text>`;
}
