import { z } from 'zod';
import { cleanPath, defineTool } from '../server/index.js';
import { documentUri } from './document-path.js';

const KEPT = 'shelving-guide.txt';

/** Asks the user before an effect. Only reads may come before the question, because the call may run again. */
export const deleteDocument = defineTool({
  name: 'delete_document',
  title: 'Delete a document',
  description: 'Deletes one document, after its user has confirmed it.',
  scopes: ['documents:write'],
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  input: z.object({ path: z.string().describe('The document, relative to the document folder') }),
  output: z.object({ path: z.string(), deleted: z.boolean() }),

  // A scope says what a caller may do; this says to which document.
  authorize: ({ path }) =>
    cleanPath(path) !== KEPT || 'The shelving guide is not deleted here: ask a librarian.',

  async run(input, context) {
    const { documents } = context.services;
    const path = cleanPath(input.path);
    const bytes = await documents.size(path); // no question about a missing document
    const answer = await context.ask('confirm', {
      method: 'elicitation/create',
      params: {
        message: `Delete ${path} (${bytes} bytes)? This cannot be undone.`,
        requestedSchema: {
          type: 'object',
          properties: { confirm: { type: 'boolean', title: 'Delete it', default: false } },
          required: ['confirm'],
        },
      },
    });
    if (answer.action !== 'accept' || answer.content?.['confirm'] !== true) {
      return {
        content: [{ type: 'text', text: `Nothing was deleted: ${path} is still there.` }],
        structuredContent: { path, deleted: false },
      };
    }

    await documents.remove(path);
    context.log('notice', { message: 'Document deleted', path });
    context.changed({ kind: 'resource', uri: documentUri(path) });
    context.changed({ kind: 'resources' });
    return {
      content: [{ type: 'text', text: `Deleted ${path}.` }],
      structuredContent: { path, deleted: true },
    };
  },
});
