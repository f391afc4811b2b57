/** Answers the server's questions to the user (elicitation): by prompt on a terminal, by `--yes`, or not at all. */
import { createInterface } from 'node:readline/promises';
import type { ElicitRequest, ElicitResult } from '@modelcontextprotocol/client';
import { type Display, printable } from './display.js';

type Value = string | number | boolean;
type Field = { readonly type?: string; readonly title?: string; readonly default?: unknown };

export function createAnswerer(display: Display, yes: boolean) {
  return async ({ params }: ElicitRequest): Promise<ElicitResult> => {
    display.leaveBar();
    display.line(`The server asks: ${params.message}`, 'warning');
    if (!('requestedSchema' in params)) return askToOpen(params.url, display);
    const fields = Object.entries(params.requestedSchema.properties) as [string, Field][];
    if (yes) return acceptAll(fields, display);
    if (!process.stdin.isTTY) {
      display.line('Declined: there is no terminal to ask on. Give --yes to accept.', 'warning');
      return { action: 'decline' };
    }
    return prompt(fields);
  };
}

/**
 * Shows where a server wants to send its user. The user opens it in a browser of their own, which this client cannot see
 * into. `--yes` is no consent to a URL: a script that gives it may have no user (MCP, safe URL handling).
 */
async function askToOpen(url: string, display: Display): Promise<ElicitResult> {
  display.line(`It asks you to open a page of ${printable(new URL(url).host)}:`, 'warning');
  display.line(printable(url));
  if (!process.stdin.isTTY) {
    display.line('Declined: there is no terminal to ask on.', 'warning');
    return { action: 'decline' };
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const isSure = readValue(await terminal.question('Will you open it in your browser? [y/N] '), 'boolean');
    return { action: isSure === true ? 'accept' : 'decline' };
  } finally {
    terminal.close();
  }
}

function acceptAll(fields: readonly [string, Field][], display: Display): ElicitResult {
  const content: Record<string, Value> = {};
  for (const [name, field] of fields) {
    const value = field.type === 'boolean' ? true : field.default;
    if (value !== undefined) content[name] = value as Value;
  }
  display.line('Accepted: --yes', 'warning');
  return { action: 'accept', content };
}

async function prompt(fields: readonly [string, Field][]): Promise<ElicitResult> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const content: Record<string, Value> = {};
    for (const [name, field] of fields) {
      const hint = field.type === 'boolean' ? ' [y/N]' : '';
      const text = await terminal.question(`${printable(field.title ?? name)}${hint} `);
      const value = readValue(text.trim(), field.type);
      if (value === undefined) return { action: 'cancel' };
      content[name] = value;
    }
    return { action: 'accept', content };
  } finally {
    terminal.close();
  }
}

function readValue(text: string, type: string | undefined): Value | undefined {
  if (type === 'boolean') return /^y(es)?$/i.test(text);
  if (type === 'number' || type === 'integer') {
    return text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
  }
  return text;
}
