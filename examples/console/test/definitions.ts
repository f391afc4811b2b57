/** The sample tools, and one that goes on only when told. */
import { EventEmitter, once } from 'node:events';
import { z } from 'zod';
import { prompts } from '../../../src/prompts/index.js';
import { resources } from '../../../src/resources/index.js';
import { type Definitions, defineTool } from '../../../src/server/index.js';
import { tools } from '../../../src/tools/index.js';

/** `go` lets the tool that waits take its next step. */
export const steps = new EventEmitter();

const stepwise = defineTool({
  name: 'stepwise',
  description: 'Takes three steps',
  scopes: ['documents:read'],
  input: z.object({
    title: z.string().optional(),
    count: z.int().min(1).max(9).default(3),
    loud: z.boolean().default(false),
    mood: z.enum(['calm', 'hasty']),
    tags: z.array(z.string()).optional(),
    more: z.object({ depth: z.number() }).optional(),
  }),
  output: z.object({ given: z.looseObject({}) }),
  run: async (given, context) => {
    for (let step = 1; step <= 3; step++) {
      context.log('notice', `step ${step}`);
      context.progress(step, 3, `Step ${step}`);
      await once(steps, 'go');
    }
    return { structuredContent: { given } };
  },
});

export const definitions: Definitions = { tools: [...tools, stepwise], resources, prompts };
export const SCOPES = ['documents:read'];
