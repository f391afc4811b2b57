/** Clients that do what nobody should: each must get its refusal. */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { newApiKey } from '../../src/server/identity/api-key-format.js';
import { parseRaw } from '../../test/helpers/raw-http.js';
import { RAW } from './audit-match.js';
import { createClient } from './client.js';
import { drained } from './expect.js';
import { initialize } from './visits-2025.js';
import type { Place, Visits } from './visits.js';

const TOO_LARGE = JSON.stringify({ padding: 'x'.repeat(1024 * 1024) });

export const VISITS_BAD: Visits = {
  'has a wrong credential': async (place) => {
    for (const token of [randomUUID(), newApiKey('live').key, forgedToken()]) {
      await drained(401, createClient(place, token).send('POST', {}, initialize()));
    }
  },
  'names a wrong host': async (place) => {
    await drained(403, createClient(place, place.token).send('POST', { host: 'evil.example' }, initialize()));
    await drained(403, createClient(place, place.token).send('POST', { origin: 'https://evil.example' }));
  },
  'has no session': async (place) => {
    const headers = { 'mcp-session-id': randomBytes(32).toString('base64url') };
    await drained(404, createClient(place, place.token).send('GET', headers));
  },
  'sends a bad body': async (place) => {
    const send = (body: string, headers = {}) => createClient(place, place.token).send('POST', headers, body);
    await drained(400, send('{"jsonrpc":'));
    await drained(400, send('[]'));
    await drained(400, send('{"method":1}'));
    await drained(415, send('{}', { 'content-type': 'text/plain' }));
    await drained(406, send('{}', { accept: 'text/html' }));
    await drained(413, send(TOO_LARGE));
  },
  'speaks no HTTP': async (place) => {
    const socket = await dial(place);
    const sent = place.ledger.begin(RAW, () => socket.destroy());
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.write('GET /mcp HTTP/1.1\r\nno header\r\n\r\n');
    await once(socket, 'close');
    place.ledger.end(sent);
    if (sent.isCut) return;
    const { status, headers } = parseRaw(text);
    place.ledger.answered(sent, { statusCode: status, headers });
    if (status !== 400) throw new Error(`${status} where 400 was expected: ${text.slice(0, 300)}`);
  },
  'never ends its request': async (place) => {
    const socket = await dial(place);
    const sent = place.ledger.begin(RAW, () => socket.destroy());
    socket.write('POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    await sleep(5000);
    socket.destroy();
    place.ledger.end(sent);
  },
};

async function dial({ next }: Place) {
  const { port, hostname } = next();
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket.on('error', () => {});
}

/** A token in the form of a JWT, of a key that no issuer has. */
function forgedToken(): string {
  const header = { alg: 'ES256', kid: randomUUID(), typ: 'at+jwt' };
  const parts = [JSON.stringify(header), '{}', randomBytes(64)];
  return parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
}
