/** This template as `npm start` runs it, with the tools of the bench: every layer on, the audit strict and in a file. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Definitions, ToolDefinition } from '../../src/server/mcp/definitions/tool.js';
import { AUDIENCE } from '../identity.js';
import { runTool, TOOL_INPUT, TOOL_OUTPUT, toolNames } from '../tools.js';
import { built } from './built.js';
import type { BenchServer, ServerOptions } from './options.js';

/** Counted, never reached. */
const PLENTY = '100000000/60s';

export async function startOurs(options: ServerOptions): Promise<BenchServer> {
  const [{ openServer }, { createLogger }] = await Promise.all([built('start'), built('observe/logger')]);
  const config = await loadConfig(options);
  const server = await openServer({
    config,
    definitions: definitions(options),
    logger: createLogger('warn'),
  });
  return { port: Number(server.url.port) };
}

export async function loadConfig(options: ServerOptions) {
  const { loadConfig } = await built('config/index');
  return loadConfig({ PORT: '0', ADMIN_PORT: '0', ...settings(options) });
}

export function settings({
  issuer,
  folder,
  redisUrl,
}: Pick<ServerOptions, 'issuer' | 'folder' | 'redisUrl'>): Readonly<Record<string, string>> {
  return {
    ALLOWED_HOSTS: 'bench.example',
    AUTH: 'jwt',
    JWT_ISSUERS: issuer,
    JWT_JWKS_URL: `${issuer}/jwks`,
    JWT_AUDIENCE: AUDIENCE,
    RATE_LIMIT_IP: PLENTY,
    RATE_LIMIT_CALLER: PLENTY,
    MAX_SESSIONS_PER_CALLER: '1000000',
    MAX_STREAMS_PER_CALLER: '1000000',
    ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
    AUDIT_MODE: 'strict',
    AUDIT_SINKS: `file:${join(folder, `audit-${process.pid}.log`)}`,
  };
}

export function definitions({ tools }: ServerOptions): Definitions {
  const [input, output] = [z.object(TOOL_INPUT), z.object(TOOL_OUTPUT)];
  const define = (name: string): ToolDefinition => ({
    name,
    description: `Tool ${name}`,
    input,
    output,
    scopes: ['bench'],
    run: async (args, { log }) => ({
      structuredContent: await runTool(name, args as { text: string; times?: number }, log),
    }),
  });
  return { tools: toolNames(tools).map(define), resources: [], prompts: [] };
}
