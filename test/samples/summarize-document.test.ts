import { expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { ToolError } from '../../src/server/mcp/definitions/tool.js';
import { summarizeDocument } from '../../src/samples/summarize-document.js';
import { recordedContext } from './context.js';

const ROOT = 'examples/documents';

test('the document travels in the prompt', async () => {
  const { context } = await recordedContext(ROOT);

  const messages = await summarizeDocument.render({ path: './sprachcafe.md', sentences: '5' }, context);

  expect(messages).toEqual([
    { role: 'user', content: { type: 'text', text: expect.stringContaining('in 5 sentences') } },
    {
      role: 'user',
      content: {
        type: 'resource',
        resource: {
          uri: 'documents:///sprachcafe.md',
          mimeType: 'text/markdown',
          text: await readFile(`${ROOT}/sprachcafe.md`, 'utf8'),
        },
      },
    },
  ]);
});

test('a path out of the folder is refused', async () => {
  const { context } = await recordedContext(ROOT);

  await expect(summarizeDocument.render({ path: '../README.md' }, context)).rejects.toThrow(ToolError);
});

test('its path is completed with the documents', async () => {
  const { context } = await recordedContext(ROOT);
  const [path] = summarizeDocument.arguments;

  expect(await path?.complete?.('', context)).toContain('events/night-of-reading.md');
});
