import { z } from 'zod';
import { defineTool } from '../server/index.js';

const counts = { bytes: z.int(), lines: z.int(), words: z.int() };

/** Sends one log and one progress notification per document. The result repeats everything. */
export const processFiles = defineTool({
  name: 'process_files',
  title: 'Process documents',
  description:
    'Measures documents: bytes, lines, words and SHA-256 of each. Reports every document while it works.',
  scopes: ['documents:read'],
  annotations: { readOnlyHint: true, openWorldHint: false },
  _meta: { ui: { resourceUri: 'ui://samples/process-files.html' } },
  input: z.object({
    paths: z
      .array(z.string())
      .min(1)
      .max(1000)
      .describe('Documents or folders, relative to the document folder; "." is all of it'),
  }),
  output: z.object({
    documents: z.array(z.object({ path: z.string(), ...counts, sha256: z.string() })),
    total: z.object({ documents: z.int(), ...counts }),
  }),

  async run({ paths }, context) {
    const { services, signal } = context;
    const found = await services.documents.list(paths); // fails for an unknown path before any work
    const documents = [];
    const total = { documents: found.length, bytes: 0, lines: 0, words: 0 };
    for (const [index, path] of found.entries()) {
      const message = `Processing document ${index + 1}/${found.length}`;
      await context.log('info', { message, path });
      const stats = await services.documents.stats(path, signal);
      documents.push({ path, ...stats });
      total.bytes += stats.bytes;
      total.lines += stats.lines;
      total.words += stats.words;
      await context.progress(index + 1, found.length, message);
    }
    context.log('info', { message: 'Processing complete!', ...total });
    return { structuredContent: { documents, total } };
  },
});
