import { afterEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool, type Definitions } from '../../src/server/mcp/definitions/tool.js';
import { unknownTools } from '../../src/server/served-tools.js';
import { run } from '../helpers/built.js';
import { serve, type Served } from '../helpers/serve.js';
import { callIn2025, callIn2026, toolCall } from '../helpers/two-eras.js';

const ran: string[] = [];
const tool = (name: string, annotations?: object) =>
  defineTool({
    name,
    description: name,
    scopes: [`${name}:call`],
    input: z.object({}),
    run: () => `${ran.push(name)}`,
    ...(annotations && { annotations }),
  });
const definitions: Definitions = {
  tools: [tool('look', { readOnlyHint: true }), tool('drop', { readOnlyHint: false }), tool('silent')],
  resources: [],
  prompts: [],
};
const SCOPES = ['look:call', 'drop:call', 'silent:call'];

let server: Served | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
  ran.length = 0;
});

describe.each([
  ['2025-11-25', callIn2025],
  ['2026-07-28', callIn2026],
])('in revision %s', (_revision, call) => {
  test.each([
    [{}, ['look', 'drop', 'silent']],
    [{ ENABLED_TOOLS: 'silent, drop' }, ['drop', 'silent']],
    [{ READ_ONLY: 'true' }, ['look']],
    [{ READ_ONLY: 'true', ENABLED_TOOLS: 'look,drop' }, ['look']],
    [{ READ_ONLY: 'true', ENABLED_TOOLS: 'drop' }, []],
  ])(
    '%j: a tool that is not served is in no list, and a call of it is one of an unknown tool',
    async (env, served) => {
      server = await serve(definitions, SCOPES, env);
      const { answer } = await call(server, { method: 'tools/list' });
      const unknown = (await call(server, toolCall('nothing'))).answer;

      expect(answer?.result).toMatchObject({ tools: served.map((name) => ({ name })) });
      for (const { name } of definitions.tools) {
        const { answer: called } = await call(server, toolCall(name));
        if (served.includes(name)) expect(called?.result).not.toHaveProperty('isError');
        else expect(called).toEqual(unknown);
      }
      expect([...ran].sort()).toEqual([...served].sort());
    },
  );
});

test('a caller who lacks the scope of a tool that is not served learns nothing of it', async () => {
  server = await serve(definitions, [], { ENABLED_TOOLS: 'look' });

  const hidden = await callIn2026(server, toolCall('drop'));
  expect(hidden).toEqual(await callIn2026(server, toolCall('nothing')));
  expect(hidden).toMatchObject({ status: 200, challenge: null });
});

test.each([[['look', 'hunter2']], [['drop', 'Look']]])(
  'of %j the entry that names no tool is a problem, told without the name',
  (ENABLED_TOOLS) => {
    const message = 'entry 2 names no tool: the tools are look, drop, silent';

    expect(unknownTools(definitions.tools, { ENABLED_TOOLS, READ_ONLY: false })).toEqual([
      { variable: 'ENABLED_TOOLS', message },
    ]);
  },
);

test.each(['main.js', 'stdio.js'])('%s ends with 78 over a name that no tool has', async (entry) => {
  const process = run(entry, { PORT: '0', ADMIN_PORT: '0', ENABLED_TOOLS: 'no_such_tool' });
  try {
    expect(await process.ended()).toBe(78);
    expect(process.printed.stderr).toMatch(/^ENABLED_TOOLS: entry 1 names no tool/m);
    expect(process.printed.stdout).toBe('');
  } finally {
    process.child.kill('SIGKILL');
  }
});
