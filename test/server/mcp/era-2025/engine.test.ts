import { describe, expect, test } from '@jest/globals';
import { isAnswer } from '../../../../src/server/mcp/calls/client-questions.js';
import { Cancellation } from '../../../../src/server/mcp/calls/call.js';
import { createEngine, hasAnswerShape } from '../../../../src/server/mcp/era-2025/engine.js';
import type { JsonRpcMessage } from '../../../../src/server/mcp/envelope/message.js';

const never = new Cancellation();
const initialize = (name: string): JsonRpcMessage => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: { sampling: {} },
    clientInfo: { name, version: '1' },
  },
});

const serverInfo = { name: 'here', version: '1.2.3', title: 'Here' };

describe('an engine', () => {
  test('introduces the server with the capabilities it was given', async () => {
    const engine = createEngine({ serverInfo, capabilities: { tools: { listChanged: true } } });
    const answer = await engine.answer(initialize('a'), undefined, never);

    expect(answer?.result).toMatchObject({
      protocolVersion: '2025-11-25',
      capabilities: { tools: { listChanged: true } },
      serverInfo,
    });
  });

  test('answers many requests of the same id at once, each by its own handler', async () => {
    const engine = createEngine({ serverInfo, capabilities: { tools: {} } });
    const request = { jsonrpc: '2.0', id: 1, method: 'tools/list' } as const;
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => engine.answer(request, async () => ({ tools: [], n }), never)),
    );

    expect(answers.map((answer) => answer?.result?.['n'])).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  test('gives a cancelled request no answer, whatever its handler still does', async () => {
    const engine = createEngine({ serverInfo, capabilities: { tools: {} } });
    const cancel = new Cancellation();
    const request = { jsonrpc: '2.0', id: 1, method: 'tools/list' } as const;
    const answer = engine.answer(request, () => new Promise(() => {}), cancel);
    cancel.cancel();

    expect(await answer).toBeUndefined();
  });
});

test('many answers are checked against schemas of their own without keeping one', () => {
  const check = (n: number) => {
    const requestedSchema = { $id: 'same', type: 'object', properties: { n: { const: n } }, required: ['n'] };
    const request = { method: 'elicitation/create', params: { message: '?', requestedSchema } } as const;
    return [
      isAnswer(request, { action: 'accept', content: { n } }, hasAnswerShape),
      isAnswer(request, { action: 'accept', content: { n: -1 } }, hasAnswerShape),
    ];
  };

  for (let n = 0; n < 20; n++) expect(check(n)).toEqual([true, false]);
});
