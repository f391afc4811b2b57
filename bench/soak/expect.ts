/** What a visit expects of an answer. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Following, follow, read } from './client.js';

/** The stream of a call cannot be resumed: Redis was away when its call went on. */
export class Lost extends Error {}

/** How long a client holds a stream of changes. */
const HELD_MS = 12_000;

export async function expectStatus(status: number, sent: Promise<IncomingMessage>): Promise<IncomingMessage> {
  const answer = await sent;
  if (answer.statusCode === status) return answer;
  const text = (await read(answer)).slice(0, 300);
  throw new Error(`${answer.statusCode} where ${status} was expected: ${text}`);
}

/** An answer that is read to its end. */
export async function drained(status: number, sent: Promise<IncomingMessage>): Promise<IncomingMessage> {
  const answer = await expectStatus(status, sent);
  await read(answer);
  return answer;
}

export async function expectText(expected: string, sent: Promise<IncomingMessage>): Promise<string> {
  const text = await read(await expectStatus(200, sent));
  if (text.includes(expected)) return text;
  throw new Error(`an answer without ${expected}: ${text.slice(-600)}`);
}

export async function expectResumed(expected: string, sent: Promise<IncomingMessage>): Promise<void> {
  const answer = await sent;
  const text = await read(answer);
  if (text.includes(expected)) return;
  throw new Lost(`${answer.statusCode} without ${expected}: ${text.slice(-600)}`);
}

/** A stream that has begun to speak. */
export async function stream(sent: Promise<IncomingMessage>): Promise<Following> {
  const following = follow(await expectStatus(200, sent));
  await following.saw(/^data: .+$/m);
  return following;
}

export async function hold(sent: Promise<IncomingMessage>): Promise<void> {
  const answer = await expectStatus(200, sent);
  answer.resume();
  await sleep(HELD_MS);
  answer.destroy();
}
