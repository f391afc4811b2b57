import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../../src/server/config/index.js';
import { compileCatalog } from '../../src/server/mcp/definitions/catalog.js';
import {
  LOG_LEVELS,
  type ToolContext,
  ToolError,
  type ToolResult,
} from '../../src/server/mcp/definitions/tool.js';
import { prompts } from '../../src/prompts/index.js';
import { resources } from '../../src/resources/index.js';
import { settings } from '../../src/settings.js';
import { tools } from '../../src/tools/index.js';
import { documentFolder, recordedContext, Unanswered } from './context.js';

let root: string;
let remove: () => Promise<void>;

beforeEach(async () => {
  ({ root, remove } = await documentFolder());
});
afterEach(() => remove());

const catalog = compileCatalog({ tools, resources, prompts });

async function run(name: string, args: Record<string, unknown>, context: ToolContext) {
  const tool = catalog.tools.get(name);
  if (!tool) throw new Error(`no tool ${name}`);
  const result: ToolResult = await tool.definition.run(args, context);
  const structured = typeof result === 'string' ? undefined : result.structuredContent;
  if (tool.output) expect(tool.output.check(structured)).toMatchObject({ ok: true });
  return { result, structured };
}

describe('process_files', () => {
  test('every document is announced once by a log and once by progress, and the end is announced', async () => {
    const { context, events } = await recordedContext(root);

    await run('process_files', { paths: ['events', 'sprachcafe.md'] }, context);

    const paths = ['events/book-sale-checklist.txt', 'events/night-of-reading.md', 'sprachcafe.md'];
    const expected = paths.flatMap((path, i) => [
      { log: 'info', data: { message: `Processing document ${i + 1}/3`, path } },
      { done: i + 1, total: 3, message: `Processing document ${i + 1}/3` },
    ]);
    expect(events.slice(0, -1)).toEqual(expected);
    expect(events.at(-1)).toMatchObject({
      log: 'info',
      data: { message: 'Processing complete!', documents: 3 },
    });
  });

  test('the result alone says everything about every document', async () => {
    const { context } = await recordedContext(root);

    const { structured } = await run('process_files', { paths: ['.'] }, context);

    const { documents, total } = structured as { documents: { path: string }[]; total: object };
    expect(documents.length).toBeGreaterThanOrEqual(12);
    let bytes = 0;
    for (const document of documents) {
      const text = await readFile(join(root, document.path));
      bytes += text.length;
      const sha256 = createHash('sha256').update(text).digest('hex');
      expect(document).toMatchObject({ bytes: text.length, sha256 });
    }
    expect(total).toMatchObject({ documents: documents.length, bytes });
  });

  test('one path that names nothing fails the call before any work, naming only what the caller said', async () => {
    const { context, events } = await recordedContext(root);

    const call = run('process_files', { paths: ['budget-2026.md', 'events/missing.md'] }, context);

    await expect(call).rejects.toThrow(new ToolError('No such document: events/missing.md'));
    expect(events).toEqual([]);
  });

  test('after a cancellation no further document is worked on', async () => {
    const controller = new AbortController();
    const { context, events } = await recordedContext(root, { signal: controller.signal });
    const cancelling = {
      ...context,
      progress: (done: number, total?: number, message?: string) => {
        context.progress(done, total, message);
        if (done === 2) controller.abort(new Error('cancelled'));
      },
    };

    await expect(run('process_files', { paths: ['.'] }, cancelling)).rejects.toThrow('cancelled');

    expect(events.filter((event) => 'done' in (event as object))).toHaveLength(2);
    expect(JSON.stringify(events)).not.toContain('complete');
  });
});

describe('find_duplicates', () => {
  test('names the documents that are the same, each once, and says how far it is', async () => {
    const { context, events } = await recordedContext(root);
    await copyFile(join(root, 'sprachcafe.md'), join(root, 'events/copy.md'));
    const { structured } = await run('find_duplicates', {}, context);

    const { documents } = structured as { documents: number };
    expect(structured).toMatchObject({ duplicates: [['events/copy.md', 'sprachcafe.md']] });
    expect(events).toHaveLength(documents);
    const message = `Compared ${documents} of ${documents} documents`;
    expect(events.at(-1)).toEqual({ done: documents, total: documents, message });
  });
});

describe('delete_document', () => {
  const path = 'events/night-of-reading.md';

  test('an accepted confirmation deletes it and tells subscribers of the document and of the list', async () => {
    const { context, events } = await recordedContext(root, {
      answers: { confirm: { action: 'accept', content: { confirm: true } } },
    });

    const { structured } = await run('delete_document', { path: `./${path}` }, context);

    expect(structured).toEqual({ path, deleted: true });
    expect(await context.services.documents.list()).not.toContain(path);
    expect(events.slice(-2)).toEqual([
      { changed: { kind: 'resource', uri: `documents:///${path}` } },
      { changed: { kind: 'resources' } },
    ]);
  });

  test.each([
    [{ action: 'decline' }],
    [{ action: 'cancel' }],
    [{ action: 'accept' }],
    [{ action: 'accept', content: { confirm: false } }],
    [{ action: 'accept', content: { confirm: 'true' } }],
  ])('%j deletes nothing and says so', async (answer) => {
    const { context, events } = await recordedContext(root, { answers: { confirm: answer } });

    const { result, structured } = await run('delete_document', { path }, context);

    expect(structured).toEqual({ path, deleted: false });
    expect(JSON.stringify(result)).toContain('Nothing was deleted');
    expect(await context.services.documents.list()).toContain(path);
    expect(events).toHaveLength(1);
  });

  test('nobody is asked about a document that does not exist', async () => {
    const { context, events } = await recordedContext(root);

    await expect(run('delete_document', { path: 'missing.md' }, context)).rejects.toThrow(ToolError);

    expect(events).toEqual([]);
  });
});

test('whoami tells the caller apart and shows no credential', async () => {
  const { context } = await recordedContext(root);

  const { structured } = await run('whoami', {}, context);

  expect(structured).toEqual({
    issuer: 'api-key',
    subject: 'k1',
    method: 'api-key',
    scopes: ['documents:read'],
  });
});

test('log_levels sends one message at each level', async () => {
  const { context, events } = await recordedContext(root);

  await run('log_levels', {}, context);

  expect(events.map((event) => (event as { log: string }).log)).toEqual([...LOG_LEVELS]);
});

describe('no effect precedes a question, since the call is run again with the answers', () => {
  const ARGUMENTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    process_files: { paths: ['.'] },
    delete_document: { path: 'budget-2026.md' },
    whoami: {},
    log_levels: {},
  };
  /** What accepts each tool's questions; a tool that asks more than is here fails its test. */
  const ANSWERS = { confirm: { action: 'accept', content: { confirm: true } } };

  test.each(Object.entries(ARGUMENTS))('%s', async (name, args) => {
    const before = await snapshot();

    const first = await recordedContext(root);
    const asked = await run(name, args, first.context).catch((error: unknown) => error);
    if (!(asked instanceof Unanswered)) return expect(await snapshot()).toEqual(before); // it asks nothing
    expect(await snapshot()).toEqual(before);
    expect(first.events.filter((event) => !('ask' in (event as object)))).toEqual([]);

    const again = await recordedContext(root, { answers: ANSWERS });
    await run(name, args, again.context);
    expect(again.events.slice(0, first.events.length)).toEqual(first.events); // the same questions
    expect(await snapshot()).not.toEqual(before);
  });

  /** Every document and its digest. */
  async function snapshot() {
    const { context } = await recordedContext(root);
    return (await run('process_files', { paths: ['.'] }, context)).structured;
  }
});

test('the read-only tools and the destructive one say so to clients, and name the scope they need', () => {
  const told = tools.map(({ name, scopes, annotations }) => [name, scopes, annotations?.readOnlyHint]);
  expect(told).toEqual(
    expect.arrayContaining([
      ['process_files', ['documents:read'], true],
      ['delete_document', ['documents:write'], false],
      ['whoami', ['documents:read'], true],
      ['log_levels', ['documents:read'], true],
    ]),
  );
  expect(catalog.tools.get('delete_document')?.definition.annotations?.destructiveHint).toBe(true);
});

test('a misspelt FILES_ROOT stops the start', () => {
  const { problems } = readConfig({ FILE_ROOT: 'none' }, settings);

  expect(problems).toEqual([{ variable: 'FILE_ROOT', message: expect.stringContaining('FILES_ROOT') }]);
});
