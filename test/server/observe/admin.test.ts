import { existsSync } from 'node:fs';
import { rename, symlink, unlink } from 'node:fs/promises';
import { afterEach, expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/server/observe/metrics.js';
import { until } from '../../helpers/until.js';
import { readRecords } from './records.js';
import { callTool } from '../process/requests.js';
import { closeAll, start } from '../process/start.js';

afterEach(closeAll);

const FULL_DISK = '/dev/full';
const testOnFullDisk = existsSync(FULL_DISK) ? test : test.skip;
const PATHS = ['/livez', '/readyz', '/metrics'];
const at = (url: URL, path: string, init?: RequestInit) => fetch(new URL(path, url), init);

test('health and metrics are on the admin port, and nothing of them on the public one', async () => {
  const server = await start();
  for (const path of PATHS) {
    expect((await at(server.adminUrl, path)).status).toBe(200);
    expect((await at(server.adminUrl, path, { method: 'POST' })).status).toBe(405);
    expect((await at(server.url, path)).status).toBe(404);
  }
  expect((await callTool(new URL('/mcp', server.adminUrl), 'crash')).status).toBe(404);
  expect(await (await at(server.adminUrl, '/readyz')).json()).toEqual({
    status: 'ok',
    checks: { accepting: 'ok', audit: 'ok', stores: 'ok' },
  });
});

test('the metrics know the tools by name, and nothing that a client makes up', async () => {
  const server = await start();
  await callTool(server.url, 'crash');
  await callTool(server.url, 'made-up-by-a-client');
  const metrics = await (await at(server.adminUrl, '/metrics')).text();

  expect(metrics).toMatch(/mcp_server_operation_duration_seconds_count\{.*gen_ai_tool_name="crash".*\} 1/);
  expect(metrics).not.toContain('made-up');
});

test('a client that left before anything was decided counts as cancelled, not as refused', async () => {
  const metrics = createMetrics({ toolNames: [] });
  const left = { decision: 'deny', truncated: true } as const;
  metrics.request({ ...left, 'mcp.era': '2026', 'mcp.method.name': 'tools/call' });
  const text = await metrics.render();

  expect(text).toMatch(/mcp_server_operation_duration_seconds_count\{.*outcome="cancelled".*\} 1/);
  expect(text).not.toMatch(/mcp_server_refusals_total\{/);
});

testOnFullDisk(
  'a full disk refuses calls, shows in readiness, and needs no restart once there is room',
  async () => {
    const server = await start();
    await until(() => existsSync(server.audit)); // opened behind the start
    await rename(server.audit, `${server.audit}.1`);
    await symlink(FULL_DISK, server.audit);
    await server.reopenAuditFiles();
    const refused = await callTool(server.url, 'crash');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await refused.text()).toContain('"audit_unavailable"');
    const ready = await at(server.adminUrl, '/readyz');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ checks: { accepting: 'ok', audit: 'failing' } });
    expect((await at(server.adminUrl, '/livez')).status).toBe(200); // a restart would not make room

    await unlink(server.audit);
    await until(async () => (await at(server.adminUrl, '/readyz')).status === 200);
    expect((await callTool(server.url, 'crash')).status).toBe(200);
    expect(server.logged.filter((message) => message.startsWith('audit sink'))).toEqual([
      'audit sink failing',
      'audit sink recovered',
    ]);
    await server.close();
    const stages = (await readRecords(server.audit)).map(({ reason, stage }) => reason ?? stage);
    expect(stages).toContain('audit_unavailable'); // the refusal itself was kept until there was room
  },
);
