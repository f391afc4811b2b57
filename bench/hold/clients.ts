/** Many clients: a thousand callers, each with sessions, streams and calls of its own. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { read } from '../soak/client.js';

export interface Caller {
  readonly token: string;
  /** As the proxy says it: limits are kept by address too. */
  readonly address: string;
}

export interface Session {
  readonly id: string;
  readonly caller: Caller;
}

/** Connections that calls use in turn; a stream has one of its own. */
const CALLS_AGENT = new Agent({ keepAlive: true });
const STREAMS_AGENT = new Agent({ keepAlive: false });
/** A client that is refused for a moment tries again. */
const RETRY_MS = 200;

export async function openSession(url: URL, caller: Caller): Promise<Session> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'hold', version: '1' },
  };
  for (;;) {
    const answer = await post(url, caller, {}, 'initialize', params);
    await read(answer);
    if (answer.statusCode === 200) return { id: String(answer.headers['mcp-session-id']), caller };
    await putOff(answer);
  }
}

/** Its events are taken and dropped. */
export async function openStream(url: URL, session: Session): Promise<IncomingMessage> {
  for (;;) {
    const answer = await getStream(url, session);
    answer.resume();
    if (answer.statusCode === 200) return answer.on('error', () => {});
    await putOff(answer);
  }
}

/** @returns its status */
export async function call(url: URL, { id, caller }: Session): Promise<number> {
  const answer = await post(url, caller, { 'mcp-session-id': id }, 'ping', {});
  await read(answer);
  return Number(answer.statusCode);
}

/** @returns the status of what is beyond a bound, or how its connection failed */
export async function tryOnce(send: Promise<IncomingMessage>): Promise<string> {
  try {
    const answer = await send;
    if (answer.statusCode === 200) return answer.destroy() && 'accepted';
    const text = await read(answer);
    return `${answer.statusCode} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ''}`.trim();
  } catch (error) {
    return `connection refused: ${(error as NodeJS.ErrnoException).code}`;
  }
}

export function getStream(url: URL, { id, caller }: Session): Promise<IncomingMessage> {
  return send(url, 'GET', caller, { 'mcp-session-id': id }, STREAMS_AGENT);
}

export function post(url: URL, caller: Caller, headers: object, method: string, params: object) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  return send(url, 'POST', caller, { 'content-type': 'application/json', ...headers }, CALLS_AGENT, body);
}

async function send(url: URL, method: string, caller: Caller, headers: object, agent: Agent, body?: string) {
  const sent = request(url, {
    method,
    agent,
    headers: {
      authorization: `Bearer ${caller.token}`,
      accept: 'application/json, text/event-stream',
      'x-forwarded-for': caller.address,
      ...headers,
    },
  });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

/** @throws unless it was told to come back later */
async function putOff({ statusCode }: IncomingMessage): Promise<void> {
  if (statusCode !== 503) throw new Error(`answered with ${statusCode}`);
  await sleep(RETRY_MS);
}

/** `run` for 0 to `count - 1`, so many at once. The results are in order. */
export async function each<T>(count: number, atOnce: number, run: (i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) {
      const i = next++;
      results[i] = await run(i);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}
