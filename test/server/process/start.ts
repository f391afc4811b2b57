/** A server in this process, around tools that wait and fail on command. */
import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { loadConfig } from '../../../src/server/config/index.js';
import { type Definitions, defineTool, type OpenServices } from '../../../src/server/mcp/definitions/tool.js';
import type { Logger } from '../../../src/server/observe/logger.js';
import { type RunningServer, openServer } from '../../../src/server/start.js';

export interface Started extends RunningServer {
  readonly folder: string;
  readonly audit: string;
  /** `waiting` when the tool of this name has begun; it ends on `release`. */
  readonly events: EventEmitter;
  readonly logged: readonly string[];
}

const opened: (() => Promise<unknown>)[] = [];

export async function start(
  env: Readonly<Record<string, string>> = {},
  openServices?: OpenServices,
): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'server-'));
  const audit = join(folder, 'audit.log');
  const given = { PORT: '0', ADMIN_PORT: '0', AUTH: 'none', AUDIT_SINKS: `file:${audit}`, ...env };
  const events = new EventEmitter();
  const logged: string[] = [];
  const log = (_fields: object, message: string) => void logged.push(message);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, fatal: log };
  const server = await openServer({
    config: loadConfig(given),
    definitions: definitions(events),
    openServices,
    logger,
  });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= server.close());
  opened.push(async () => {
    events.emit('release');
    await close().catch(() => {}); // a test that cares has awaited it
    await rm(folder, { recursive: true, force: true });
  });
  return { ...server, close, folder, audit, events, logged };
}

/** For `afterEach`: whatever a test left open. */
export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((close) => close()));
}

function definitions(events: EventEmitter): Definitions {
  const wait = defineTool({
    name: 'wait',
    description: 'Waits',
    scopes: [],
    input: z.object({}),
    async run() {
      const released = new Promise((resolve) => events.once('release', resolve));
      events.emit('waiting');
      await released;
      return 'done';
    },
  });
  const crash = defineTool({
    name: 'crash',
    description: 'Fails',
    scopes: [],
    input: z.object({}),
    run() {
      throw new Error('inside of the tool');
    },
  });
  return { tools: [wait, crash], resources: [], prompts: [] };
}
