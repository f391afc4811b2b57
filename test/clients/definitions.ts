/** What the clients of these tests call: one tool for each way in which a tool can talk to its client. */
import { EventEmitter, once } from 'node:events';
import { z } from 'zod';
import {
  definePrompt,
  defineResource,
  defineTool,
  type Definitions,
} from '../../src/server/mcp/definitions/tool.js';

/** What a tool saw, as it sees it: `waiting` and `aborted` of `wait`, `changed` of `write_note`. */
export const seen = new EventEmitter();

const tools = [
  defineTool({
    name: 'count',
    description: 'Logs and reports progress at each step',
    scopes: ['notes:read'],
    input: z.object({ steps: z.int() }),
    output: z.object({ counted: z.int() }),
    run: ({ steps }, context) => {
      for (let step = 1; step <= steps; step++) {
        context.log('debug', `looking at ${step}`);
        context.log('warning', `step ${step}`);
        context.progress(step, steps, `Step ${step}/${steps}`);
      }
      return { structuredContent: { counted: steps } };
    },
  }),
  defineTool({
    name: 'book',
    description: 'Asks the user for a day',
    scopes: ['notes:read'],
    input: z.object({}),
    run: async (_input, context) => {
      const { action, content } = await context.ask('day', {
        method: 'elicitation/create',
        params: {
          message: 'Which day?',
          requestedSchema: {
            type: 'object',
            properties: { day: { type: 'string', title: 'Day' } },
            required: ['day'],
          },
        },
      });
      return action === 'accept' ? `booked ${String(content?.['day'])}` : `not booked: ${action}`;
    },
  }),
  defineTool({
    name: 'guess',
    description: 'Asks the model of the client',
    scopes: ['notes:read'],
    input: z.object({}),
    run: async (_input, context) => {
      const { content } = await context.ask('guess', {
        method: 'sampling/createMessage',
        params: { messages: [{ role: 'user', content: { type: 'text', text: 'Guess' } }], maxTokens: 5 },
      });
      const guesses = [content].flat().map((block) => (block.type === 'text' ? block.text : 'nothing'));
      return `guessed ${guesses.join(' ')}`;
    },
  }),
  defineTool({
    name: 'wait',
    description: 'Waits until it is cancelled',
    scopes: ['notes:read'],
    input: z.object({}),
    run: async (_input, { signal }) => {
      const aborted = once(signal, 'abort');
      seen.emit('waiting');
      await aborted;
      seen.emit('aborted');
      return 'aborted';
    },
  }),
  defineTool({
    name: 'write_note',
    description: 'Changes what others see',
    scopes: ['notes:write'],
    input: z.object({}),
    run: (_input, context) => {
      context.changed({ kind: 'tools' });
      context.changed({ kind: 'resource', uri: 'notes:///1' });
      seen.emit('changed');
      return 'written';
    },
  }),
];

const resources = [
  defineResource({
    name: 'notes',
    description: 'Notes by number',
    uri: 'notes:///{number}',
    scopes: ['notes:read'],
    list: async () => [{ uri: 'notes:///1', name: 'first' }],
    read: async (uri, { number }) => (number === '1' ? { uri, text: 'the first note' } : undefined),
  }),
];

const prompts = [
  definePrompt({
    name: 'greet',
    description: 'Greets',
    scopes: ['notes:read'],
    arguments: [{ name: 'who', required: true, complete: async () => ['Ada', 'Alan', 'Grace'] }],
    render: ({ who }) => [{ role: 'user', content: { type: 'text', text: `Greet ${who}` } }],
  }),
];

export const definitions: Definitions = { tools, resources, prompts };
