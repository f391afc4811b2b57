import { z } from 'zod';
import { defineTool } from '../server/index.js';

/** Takes as long as there are documents: a client that declares tasks need not wait for its answer. */
export const findDuplicates = defineTool({
  name: 'find_duplicates',
  title: 'Find duplicates',
  description: 'Finds documents with the same content, among all documents.',
  scopes: ['documents:read'],
  annotations: { readOnlyHint: true, openWorldHint: false },
  task: 'allowed',
  input: z.object({}),
  output: z.object({ documents: z.int(), duplicates: z.array(z.array(z.string())) }),

  async run(_input, { services, signal, progress }) {
    const paths = await services.documents.list();
    const byContent = new Map<string, string[]>();
    for (const [index, path] of paths.entries()) {
      const { sha256 } = await services.documents.stats(path, signal);
      byContent.set(sha256, [...(byContent.get(sha256) ?? []), path]);
      await progress(index + 1, paths.length, `Compared ${index + 1} of ${paths.length} documents`);
    }
    const duplicates = [...byContent.values()].filter((same) => same.length > 1);
    return { structuredContent: { documents: paths.length, duplicates } };
  },
});
