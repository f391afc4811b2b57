/** Clients of the 2025 era, which have sessions. */
import { type Client, createClient, type Way } from './client.js';
import { AGREED, KEPT, PROCESS, UNCONFIRMED, uriOf, WHOAMI, withNew } from './documents.js';
import { drained, expectResumed, expectText, hold, stream } from './expect.js';
import type { Visits } from './visits.js';

export const VISITS_2025: Visits = {
  'ends its session': async (place) => {
    const session = await openSession(place, place.token);
    await session.call('tools/list', {}, '"tools":[');
    await session.call('tools/call', WHOAMI, 'subject');
    await drained(204, session.send('DELETE'));
    await drained(404, session.send('GET'));
  },
  'leaves its session': async (place) => {
    const session = await openSession(place, place.token);
    await session.call('tools/call', PROCESS, 'Processing complete!');
  },
  'vanishes while its call streams': async (place) => {
    const session = await openSession(place, place.token);
    (await stream(session.post('tools/call', PROCESS))).answer.destroy();
  },
  'loses its stream and comes back': async (place) => {
    const session = await openSession(place, place.token);
    const { answer, text } = await stream(session.post('tools/call', PROCESS));
    const [, lastEventId = ''] = /^id: (.+)$/m.exec(text()) ?? []; // the first event has one, or none has
    answer.destroy();
    await expectResumed('Processing complete!', session.send('GET', { 'last-event-id': lastEventId }));
  },
  'holds a stream of changes': async (place) => {
    const session = await openSession(place, place.token);
    await session.call('resources/subscribe', { uri: uriOf(KEPT) }, '"result":{}');
    await hold(session.send('GET'));
  },
  'cancels a call': async (place) => {
    const session = await openSession(place, place.token);
    const { closed } = await stream(session.post('tools/call', UNCONFIRMED));
    await session.notify('notifications/cancelled', { requestId: 1 });
    await closed;
  },
  'answers a question': (place) =>
    withNew(place.files, async (params) => {
      const session = await openSession(place, place.token);
      const { saw } = await stream(session.post('tools/call', params));
      const [, question = ''] = await saw(/^data: (\{.*"elicitation\/create".*\})$/m);
      const { id } = JSON.parse(question) as { id: string };
      await drained(202, session.send('POST', {}, { jsonrpc: '2.0', id, result: AGREED }));
      await saw(/"deleted":true/);
      await drained(204, session.send('DELETE'));
    }),
  'leaves a question': async (place) => {
    const session = await openSession(place, place.token);
    (await stream(session.post('tools/call', UNCONFIRMED))).answer.destroy();
  },
};

export function initialize() {
  const clientInfo = { name: 'soak', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo };
  return { jsonrpc: '2.0', id: 0, method: 'initialize', params };
}

async function openSession(way: Way, token: string) {
  const client = createClient(way, token);
  const opened = await drained(200, client.send('POST', {}, initialize()));
  const headers = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
  const send: Client['send'] = (method, more = {}, body) =>
    client.send(method, { ...headers, ...more }, body);
  const notify = (method: string, params: object) =>
    drained(202, send('POST', {}, { jsonrpc: '2.0', method, params }));
  const post = (method: string, params: object) =>
    send('POST', {}, { jsonrpc: '2.0', id: 1, method, params });
  await notify('notifications/initialized', {});
  const call = (method: string, params: object, expected: string) =>
    expectText(expected, post(method, params));
  return { send, post, notify, call };
}
