/** What is attacked: a tool that must not run, one that must, and one that fails with a secret in its mouth. */
import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import { defineResource, defineTool, startServer, tasks } from '../../../src/server/index.js';

const { CANARY = '', PLANTED = '' } = process.env;
const input = z.object({});

await startServer({
  tools: [
    defineTool({
      name: 'canary',
      description: 'Leaves a mark',
      scopes: ['canary'],
      input,
      task: 'allowed',
      run: () => {
        appendFileSync(CANARY, '.');
        return 'sung';
      },
    }),
    defineTool({ name: 'well', description: 'Answers', scopes: [], input, run: () => 'well' }),
    defineTool({
      name: 'failing',
      description: 'Fails',
      scopes: [],
      input,
      run: () => {
        throw Object.assign(new Error(`no connection to ${PLANTED}`), { password: PLANTED });
      },
    }),
    defineTool({
      name: 'remembers',
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
      read: () => Promise.reject(new Error(`no document at ${PLANTED}`)),
    }),
  ],
  prompts: [],
  extensions: [tasks],
});
