/** A tool's view of a call, recorded: for tests that need no server. */
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_GRANTS } from '../../src/server/mcp/definitions/grants.js';
import type { ToolContext } from '../../src/server/mcp/definitions/tool.js';
import { openServices } from '../../src/services.js';

export interface Recorded {
  readonly context: ToolContext;
  /** Everything the definition did that others can see, in order. */
  readonly events: unknown[];
}

/** Stands for the unwinding of a 2026 call whose answer comes with a later request. */
export class Unanswered extends Error {}

/** @param answers by the key of the question; a question without one unwinds the call */
export async function recordedContext(
  root: string,
  { answers = {}, signal = new AbortController().signal }: Partial<Options> = {},
): Promise<Recorded> {
  const events: unknown[] = [];
  const settings = { FILES_ROOT: root };
  const services = await openServices(settings);
  const context: ToolContext = {
    caller: { issuer: 'api-key', subject: 'k1', keyId: 'k1', method: 'api-key', scopes: ['documents:read'] },
    settings,
    services,
    requestId: 'r1',
    signal,
    log: (level, data) => void events.push({ log: level, data }),
    progress: (done, total, message) => void events.push({ done, total, message }),
    canAsk: () => true,
    completed: () => {},
    ask: async (key, request) => {
      events.push({ ask: key, request });
      if (!(key in answers)) throw new Unanswered();
      return answers[key] as never;
    },
    grants: NO_GRANTS,
    changed: (change) => events.push({ changed: change }),
  };
  return { context, events };
}

interface Options {
  readonly answers: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** A copy of the example documents that a test may change. */
export async function documentFolder(): Promise<{ root: string; remove: () => Promise<void> }> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'documents-')));
  const root = join(folder, 'documents');
  await cp('examples/documents', root, { recursive: true });
  return { root, remove: () => rm(folder, { recursive: true }) };
}
