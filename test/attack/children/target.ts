/** What is attacked: a tool that must not run, one that must, one that fails, and one that asks. */
import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import { defineResource, defineTool, startServer, tasks } from '../../../src/server/index.js';

const { CANARY = '' } = process.env;
const input = z.object({});

await startServer({
  tools: [
    defineTool({
      name: 'canary',
      description: 'Leaves a mark',
      scopes: ['canary'],
      input,
      run: () => {
        appendFileSync(CANARY, '.');
        return 'sung';
      },
    }),
    defineTool({
      name: 'well',
      description: 'Answers',
      scopes: [],
      input,
      task: 'allowed',
      run: () => 'well',
    }),
    defineTool({
      name: 'failing',
      description: 'Fails',
      scopes: [],
      input,
      run: () => {
        throw new Error('inside of the tool');
      },
    }),
    defineTool({
      name: 'asks',
      description: 'Asks, and sings when it is allowed to',
      scopes: [],
      input,
      run: async (_input, { ask }) => {
        const { action } = await ask('sure', {
          method: 'elicitation/create',
          params: { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } },
        });
        if (action === 'accept') appendFileSync(CANARY, '.');
        return action;
      },
    }),
  ],
  resources: [
    defineResource({
      name: 'document',
      description: 'Fails too',
      scopes: [],
      uri: 'x://{name}',
      read: () => Promise.reject(new Error('inside of the tool')),
    }),
  ],
  prompts: [],
  extensions: [tasks],
});
