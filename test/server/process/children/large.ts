/** A server whose answers are large. */
import { z } from 'zod';
import { defineResource, defineTool, startServer } from '../../../../src/server/index.js';

const MiB = 1024 * 1024;
const waiting: (() => void)[] = [];

await startServer({
  tools: [
    defineTool({
      name: 'large',
      description: 'Gives so many bytes, as soon as so many calls wait for them',
      scopes: [],
      input: z.object({ bytes: z.int(), together: z.int() }),
      run: async ({ bytes, together }) => {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length === together) for (const release of waiting.splice(0)) release();
        });
        return 'x'.repeat(bytes);
      },
    }),
    defineTool({
      name: 'small',
      description: 'Says little',
      scopes: [],
      input: z.object({}),
      run: () => 'done',
    }),
  ],
  resources: [
    defineResource({
      name: 'document',
      description: 'One MiB',
      scopes: [],
      uri: 'x://document',
      read: async (uri) => ({ uri, text: 'x'.repeat(MiB) }),
    }),
  ],
  prompts: [],
});
