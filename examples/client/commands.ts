/** The commands, each printing its result. They answer whether the tool did what it was asked. */
import type { CallToolResult } from '@modelcontextprotocol/client';
import type { Command } from './arguments.js';
import type { Connection } from './connection.js';
import { type Display, printable } from './display.js';

export async function runCommand(
  command: Command,
  connection: Connection,
  display: Display,
  signal: AbortSignal,
): Promise<boolean> {
  if (command.name === 'list') return list(connection);
  const [tool, args] =
    command.name === 'process' ? ['process_files', { paths: command.paths }] : [command.tool, command.args];
  const result = await connection.callTool(tool, args, signal);
  display.leaveBar();
  print(command.name === 'process' && !result.isError ? table(result) : describe(result));
  return result.isError !== true;
}

async function list({ client }: Connection): Promise<boolean> {
  const offers = client.getServerCapabilities(); // the SDK writes to stdout when asked for more than these
  const { tools } = await client.listTools();
  const { resources } = offers?.resources ? await client.listResources() : { resources: [] };
  const { resourceTemplates } = offers?.resources
    ? await client.listResourceTemplates()
    : { resourceTemplates: [] };
  const { prompts } = offers?.prompts ? await client.listPrompts() : { prompts: [] };
  const described = (name: string, description = '') => `  ${name.padEnd(24)} ${description}`.trimEnd();

  print(
    [
      'Tools',
      ...tools.map(({ name, description }) => described(name, description)),
      'Resources',
      ...resourceTemplates.map(({ uriTemplate, description }) => described(uriTemplate, description)),
      ...resources.map(({ uri }) => described(uri)),
      'Prompts',
      ...prompts.map(({ name, description }) => described(name, description)),
    ].join('\n'),
  );
  return true;
}

/** One line a document, and their sum: what `sha256sum` and `wc` would say. */
function table({ structuredContent }: CallToolResult): string {
  const { documents, total } = structuredContent as { documents: (Counts & Named)[]; total: Counts };
  const row = (...cells: unknown[]) => cells.map((cell) => String(cell).padStart(8)).join('');
  return [
    `${row('bytes', 'lines', 'words')}  ${'sha256'.padEnd(64)}  document`,
    ...documents.map(
      ({ bytes, lines, words, sha256, path }) => `${row(bytes, lines, words)}  ${sha256}  ${path}`,
    ),
    `${row(total.bytes, total.lines, total.words)}  ${documents.length} documents`,
  ].join('\n');
}

interface Counts {
  readonly bytes: number;
  readonly lines: number;
  readonly words: number;
}
interface Named {
  readonly path: string;
  readonly sha256: string;
}

/** The structured result where there is one: its text form says the same. */
function describe({ structuredContent, content, isError }: CallToolResult): string {
  if (structuredContent !== undefined && !isError) return JSON.stringify(structuredContent, undefined, 2);
  return content.map((block) => (block.type === 'text' ? block.text : JSON.stringify(block))).join('\n');
}

function print(text: string): void {
  process.stdout.write(`${printable(text)}\n`);
}
