import { cleanPath, definePrompt } from '../server/index.js';
import { documentUri, mimeType } from './document-path.js';

const DEFAULT_SENTENCES = '3';

/** The document travels in the prompt as an embedded resource, so that the model need not fetch it. */
export const summarizeDocument = definePrompt({
  name: 'summarize_document',
  title: 'Summarize a document',
  description: 'Asks the model for a short summary of one document.',
  scopes: ['documents:read'],
  arguments: [
    {
      name: 'path',
      description: 'The document, relative to the document folder',
      required: true,
      complete: (_prefix, { services }) => services.documents.list(),
    },
    {
      name: 'sentences',
      description: `How many sentences the summary has; ${DEFAULT_SENTENCES} unless told`,
      complete: () => Promise.resolve(['1', '3', '5', '10']),
    },
  ],

  async render({ path = '', sentences = DEFAULT_SENTENCES }, { services }) {
    const document = cleanPath(path);
    const text = (await services.documents.read(document)).toString('utf8');
    const resource = { uri: documentUri(document), mimeType: mimeType(document), text };
    const request = `Summarize the document below in ${sentences} sentences, in its own language.`;
    return [
      { role: 'user', content: { type: 'text', text: request } },
      { role: 'user', content: { type: 'resource', resource } },
    ];
  },
});
