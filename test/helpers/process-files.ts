import { z } from 'zod';
import { defineTool } from '../../src/server/mcp/definitions/tool.js';

const counts = { bytes: z.int(), lines: z.int(), words: z.int() };

/** What `process` of the example client calls and prints, whether or not the sample of that name is there. */
export const processFiles = defineTool({
  name: 'process_files',
  description: 'Counts',
  scopes: [],
  input: z.object({ paths: z.array(z.string()) }),
  output: z.object({
    documents: z.array(z.object({ path: z.string(), sha256: z.string(), ...counts })),
    total: z.object(counts),
  }),
  run: ({ paths }, context) => {
    const one = { bytes: 4, lines: 1, words: 2 };
    for (const [index, path] of paths.entries()) {
      context.log('info', { message: 'looking', path });
      context.progress(index + 1, paths.length, 'counted');
    }
    const documents = paths.map((path) => ({ path, sha256: 'a'.repeat(64), ...one }));
    return { structuredContent: { documents, total: one } };
  },
});
