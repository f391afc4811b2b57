/** Clients of the 2026 era: calls without a session, subscriptions and tasks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from './client.js';
import { AGREED, KEPT, PROCESS, UNCONFIRMED, uriOf, WHOAMI, withNew } from './documents.js';
import { expectText, hold, stream } from './expect.js';
import type { Place, Visits } from './visits.js';

type Params = Readonly<Record<string, unknown>>;

const TASK = { name: 'find_duplicates', arguments: {} };
/** As often as a server lets a client ask. */
const POLL_MS = 1000;
const CAPABILITIES = { elicitation: {} };
const WITH_TASKS = { ...CAPABILITIES, extensions: { 'io.modelcontextprotocol/tasks': {} } };

export const VISITS_2026: Visits = {
  'calls without a session': async (place) => {
    await call(place, 'tools/list', {}, '"tools":[');
    await call(place, 'tools/call', WHOAMI, 'subject');
    await call(place, 'resources/read', { uri: uriOf(KEPT) }, 'kept');
  },
  'answers a question without a session': (place) =>
    withNew(place.files, async (params) => {
      const asked = await call(place, 'tools/call', params, 'input_required');
      const { requestState } = (JSON.parse(asked) as { result: { requestState: string } }).result;
      const answered = { ...params, requestState, inputResponses: { confirm: AGREED } };
      await call(place, 'tools/call', answered, '"deleted":true');
    }),
  'leaves a question without a session': async (place) => {
    await call(place, 'tools/call', UNCONFIRMED, 'input_required');
  },
  'vanishes while its call streams without a session': async (place) => {
    (await stream(post(place, 'tools/call', PROCESS))).answer.destroy();
  },
  listens: (place) => {
    const notifications = { resourcesListChanged: true, resourceSubscriptions: [uriOf(KEPT)] };
    return hold(post(place, 'subscriptions/listen', { notifications }));
  },
};

/** A process alone keeps each task for an hour, with a timer: there they would look like growth. */
export const VISITS_TASKS: Visits = {
  'asks for its task': async (place) => {
    const taskId = await beginTask(place);
    while (!isOver(await call(place, 'tasks/get', { taskId }, taskId))) await sleep(POLL_MS);
  },
  'listens to its task': async (place) => {
    const taskId = await beginTask(place);
    const listening = post(place, 'subscriptions/listen', { notifications: { taskIds: [taskId] } });
    const { answer, saw } = await stream(listening);
    const [, status] = await saw(/"status":"(completed|failed)"/);
    answer.destroy();
    if (status === 'failed') throw new Error('a task failed');
  },
  'cancels its task': async (place) => {
    const taskId = await beginTask(place);
    await call(place, 'tasks/cancel', { taskId }, '"result":{');
    await call(place, 'tasks/get', { taskId }, taskId);
  },
};

async function beginTask(place: Place): Promise<string> {
  const text = await call(place, 'tools/call', TASK, '"taskId"');
  return (JSON.parse(text) as { result: { taskId: string } }).result.taskId;
}

/** @throws when the server lost it */
function isOver(text: string): boolean {
  if (text.includes('"status":"failed"')) throw new Error(`a task failed: ${text.slice(0, 600)}`);
  return /"status":"(?:completed|cancelled)"/.test(text);
}

async function call(...[place, method, params, expected]: [Place, string, Params, string]) {
  return expectText(expected, post(place, method, params));
}

export function post(place: Place, method: string, params: Params) {
  const { headers, body } = statelessRequest(method, params);
  return createClient(place, place.token).send('POST', headers, body);
}

export function statelessRequest(method: string, params: Params) {
  const isOfTasks =
    params['name'] === TASK.name || method.startsWith('tasks/') || method.startsWith('subscr');
  const _meta = {
    ...Object(params['_meta']),
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'soak', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': isOfTasks ? WITH_TASKS : CAPABILITIES,
    'io.modelcontextprotocol/logLevel': 'info',
  };
  const name = params['name'] ?? params['uri'] ?? params['taskId'];
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(typeof name === 'string' && { 'mcp-name': name }),
  };
  return { headers, body: { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } } };
}
