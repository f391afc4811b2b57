/** A server, over HTTP or stdio, whose definitions leave errors behind that nobody awaits. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import {
  definePrompt,
  defineResource,
  defineTool,
  startServer,
  startStdio,
  type ServerDefinition,
} from '../../../../src/server/index.js';

const fail = (): never => {
  throw new Error('stray password=hunter2');
};
const never = () => new Promise<never>(() => {});

/** Each leaves its error to the event loop. */
const leave: Readonly<Record<string, () => unknown>> = {
  timer: () => setTimeout(fail, 5),
  immediate: () => setImmediate(fail),
  rejection: () => void Promise.reject(new Error('stray password=hunter2')),
  async: () => void sleep(5).then(fail),
};

const tool = (name: string, run: Parameters<typeof defineTool>[0]['run']) =>
  defineTool({ name, description: name, scopes: [], input: z.object({}), run });

const definition: ServerDefinition = {
  tools: [
    ...Object.entries(leave).map(([name, start]) => tool(name, async () => (start(), never()))),
    tool('late', () => (setTimeout(fail, 20), 'done')),
    tool('slow', async () => {
      await sleep(300);
      return 'done';
    }),
  ],
  resources: [
    defineResource({
      name: 'r',
      description: 'R',
      scopes: [],
      uri: 'x://{name}',
      complete: { name: () => (setTimeout(fail, 5), never()) },
      read: () => (setTimeout(fail, 5), never()),
    }),
  ],
  prompts: [
    definePrompt({
      name: 'p',
      description: 'P',
      scopes: [],
      arguments: [],
      render: () => (setTimeout(fail, 5), never()),
    }),
  ],
};

process.on('SIGUSR2', () => void setTimeout(fail, 0)); // belongs to no call
const start = process.env['WAY'] === 'stdio' ? startStdio : startServer;
await start(definition);
