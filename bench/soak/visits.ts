/** What clients do, well and badly: each visit is one client, from its coming to its going. */
import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newApiKey } from '../../src/server/identity/api-key-format.js';
import { type Client, createClient, firstMessage, read } from './client.js';

export interface Place {
  readonly url: URL;
  /** `FILES_ROOT` of the server. */
  readonly files: string;
  readonly token: string;
}

/** How long a client holds a stream of changes. */
const HELD_MS = 30_000;
/** A folder of documents. */
export const PROCESSED = 'processed';
const DOCUMENT = 'documents:///kept.txt';
const CLIENT = { name: 'soak', version: '1' };
const ELICITS = { elicitation: {} };
const AGREED = { action: 'accept', content: { confirm: true } };

/** One after the other in turn, so that each run has as many of each. */
export const VISITS: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  'ends its session': async (place) => {
    const session = await openSession(place);
    await session.call('tools/list', {}, '"tools":[');
    await session.call('tools/call', { name: 'whoami', arguments: {} }, 'subject');
    await drained(204, session.send('DELETE'));
  },
  'leaves its session': async (place) => {
    const session = await openSession(place);
    await session.call('tools/call', PROCESS, 'Processing complete!');
  },
  'vanishes while its call streams': async (place) => {
    const session = await openSession(place);
    (await stream(session.post('tools/call', PROCESS))).answer.destroy();
  },
  'loses its stream and comes back': async (place) => {
    const session = await openSession(place);
    const { answer, text } = await stream(session.post('tools/call', PROCESS));
    answer.destroy();
    const lastEventId = /^id: (.+)$/m.exec(text)?.[1] ?? '';
    const resumed = await expectStatus(200, session.send('GET', { 'last-event-id': lastEventId }));
    expectText('Processing complete!', await read(resumed));
  },
  'holds a stream of changes': async (place) => {
    const session = await openSession(place);
    await session.call('resources/subscribe', { uri: DOCUMENT }, '"result":{}');
    await hold(await expectStatus(200, session.send('GET')));
  },
  'cancels a call': async (place) => {
    const session = await openSession(place);
    const { answer } = await stream(session.post('tools/call', UNCONFIRMED));
    await session.notify('notifications/cancelled', { requestId: 1 });
    await read(answer);
  },
  'answers a question': async (place) => {
    const session = await openSession(place);
    const { answer, message } = await stream(session.post('tools/call', await deletionOfNew(place)));
    await drained(202, session.send('POST', {}, { jsonrpc: '2.0', id: message.id, result: AGREED }));
    await read(answer);
    await drained(204, session.send('DELETE'));
  },
  'leaves a question': async (place) => {
    const session = await openSession(place);
    (await stream(session.post('tools/call', UNCONFIRMED))).answer.destroy();
  },

  'calls without a session': async (place) => {
    await stateless(place, 'tools/list', {}, '"tools":[');
    await stateless(place, 'tools/call', { name: 'whoami', arguments: {} }, 'subject');
    await stateless(place, 'resources/read', { uri: DOCUMENT }, 'kept');
  },
  'answers a question without a session': async (place) => {
    const params = await deletionOfNew(place);
    const asked = JSON.parse(await stateless(place, 'tools/call', params, 'input_required')) as {
      result: { requestState: string };
    };
    const { requestState } = asked.result;
    await stateless(
      place,
      'tools/call',
      { ...params, requestState, inputResponses: { confirm: AGREED } },
      'true',
    );
  },
  'leaves a question without a session': async (place) => {
    await stateless(place, 'tools/call', UNCONFIRMED, 'input_required');
  },
  'vanishes while its call streams without a session': async (place) => {
    (await stream(postStateless(place, 'tools/call', PROCESS))).answer.destroy();
  },
  listens: async (place) => {
    const notifications = { resourcesListChanged: true, resourceSubscriptions: [DOCUMENT] };
    await hold(await expectStatus(200, postStateless(place, 'subscriptions/listen', { notifications })));
  },

  'has a wrong credential': async ({ url }) => {
    for (const token of [randomUUID(), newApiKey('live').key, forgedToken()]) {
      await drained(401, createClient(url, token).send('POST', {}, initialize()));
    }
  },
  'has no session': async ({ url, token }) => {
    const headers = { 'mcp-session-id': randomBytes(32).toString('base64url') };
    await drained(404, createClient(url, token).send('GET', headers));
  },
  'never ends its request': async ({ url }) => {
    const socket = connect(Number(url.port), url.hostname).on('error', () => {});
    socket.write('POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    await sleep(5000);
    socket.destroy();
  },
};

const PROCESS = {
  name: 'process_files',
  arguments: { paths: [PROCESSED] },
  _meta: { progressToken: 'soak' },
};

const deletion = (path: string) => ({ name: 'delete_document', arguments: { path } });

/** What nobody agrees to stays, so that every visit finds as many documents. */
const UNCONFIRMED = deletion('kept.txt');

async function deletionOfNew({ files }: Place) {
  const path = `${randomUUID()}.txt`;
  await writeFile(join(files, path), 'soon gone');
  return deletion(path);
}

function initialize() {
  const params = { protocolVersion: '2025-11-25', capabilities: ELICITS, clientInfo: CLIENT };
  return { jsonrpc: '2.0', id: 0, method: 'initialize', params };
}

async function openSession({ url, token }: Place) {
  const client = createClient(url, token);
  const opened = await drained(200, client.send('POST', {}, initialize()));
  const headers = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
  const send: Client['send'] = (method, more = {}, body) =>
    client.send(method, { ...headers, ...more }, body);
  const notify = (method: string, params: object) =>
    drained(202, send('POST', {}, { jsonrpc: '2.0', method, params }));
  const post = (method: string, params: object) =>
    send('POST', {}, { jsonrpc: '2.0', id: 1, method, params });
  await notify('notifications/initialized', {});
  const call = async (method: string, params: object, expected: string) =>
    expectText(expected, await read(await post(method, params)));
  return { send, post, notify, call };
}

function postStateless({ url, token }: Place, method: string, params: Readonly<Record<string, unknown>>) {
  const _meta = {
    ...Object(params['_meta']),
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': CLIENT,
    'io.modelcontextprotocol/clientCapabilities': ELICITS,
    'io.modelcontextprotocol/logLevel': 'info',
  };
  const name = params['name'] ?? params['uri'];
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(typeof name === 'string' && { 'mcp-name': name }),
  };
  const body = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } };
  return createClient(url, token).send('POST', headers, body);
}

async function stateless(...[place, method, params, expected]: [Place, string, object, string]) {
  return expectText(expected, await read(await postStateless(place, method, { ...params })));
}

async function stream(sent: Promise<IncomingMessage>) {
  const answer = await expectStatus(200, sent);
  return { answer, ...(await firstMessage(answer)) };
}

async function expectStatus(status: number, sent: Promise<IncomingMessage>): Promise<IncomingMessage> {
  const answer = await sent;
  if (answer.statusCode === status) return answer;
  throw new Error(`${answer.statusCode} where ${status} was expected: ${(await read(answer)).slice(0, 300)}`);
}

async function drained(status: number, sent: Promise<IncomingMessage>): Promise<IncomingMessage> {
  const answer = await expectStatus(status, sent);
  await read(answer);
  return answer;
}

function expectText(expected: string, text: string): string {
  if (text.includes(expected)) return text;
  throw new Error(`an answer without ${expected}: ${text.slice(0, 300)}`);
}

async function hold(answer: IncomingMessage): Promise<void> {
  answer.resume();
  await sleep(HELD_MS);
  answer.destroy();
}

/** A token in the form of a JWT, of a key that no issuer has. */
function forgedToken(): string {
  const header = { alg: 'ES256', kid: randomUUID(), typ: 'at+jwt' };
  const parts = [JSON.stringify(header), '{}', randomBytes(64)];
  return parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
}
