import { expect, test } from '@jest/globals';
import { Cancellation } from '../../../../src/server/mcp/calls/call.js';
import { createLiveSessions } from '../../../../src/server/mcp/era-2025/live-sessions.js';

test('a session is known while a call or a stream of it is open, and forgotten at once after', () => {
  const released: string[] = [];
  const sessions = createLiveSessions((id) => released.push(id));
  const stream = { scopes: [], writer: { send: () => {}, end: () => {} } };
  for (let i = 0; i < 100; i++) {
    const live = sessions.enter(`session ${i}`);
    live.calls.set(1, new Cancellation());
    expect(sessions.enter(`session ${i}`)).toBe(live);
    live.streams.set('s', stream);
    live.calls.delete(1);
    sessions.release(`session ${i}`);
    expect(sessions.find(`session ${i}`)).toBe(live);
    expect(released).toEqual([]);
    live.streams.delete('s');
    sessions.release(`session ${i}`);
    expect(released.splice(0)).toEqual([`session ${i}`]);
  }

  expect(sessions.ids()).toEqual([]);
});

test('the end of a session aborts its calls and ends its streams, and those of no other', () => {
  const sessions = createLiveSessions();
  const ended: string[] = [];
  const calls = ['mine', 'other'].map((id) => {
    const live = sessions.enter(id);
    const call = new Cancellation();
    live.calls.set(1, call);
    live.streams.set('s', { scopes: [], writer: { send: () => {}, end: () => void ended.push(id) } });
    return call;
  });
  sessions.end('mine');
  sessions.end('unknown');

  expect(calls.map(({ isCancelled }) => isCancelled)).toEqual([true, false]);
  expect(ended).toEqual(['mine']);
});
