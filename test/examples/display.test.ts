import { expect, test } from '@jest/globals';
import { createDisplay, type Display } from '../../examples/client/display.js';
import { createMessageHandler } from '../../examples/client/message-handler.js';

function screen(isTTY: boolean) {
  let written = '';
  const out = { isTTY, columns: 60, write: (text: string) => (written += text) !== '' };
  return { display: createDisplay(out as unknown as NodeJS.WriteStream), written: () => written };
}

const ESC = '\u001b';

test('on a terminal the bar is drawn over itself, and a message scrolls by above it', () => {
  const { display, written } = screen(true);
  display.progress(1, 2, 'one');
  display.line('news');
  display.progress(2, 2, 'two');
  display.leaveBar();

  const [one, two] = [
    '[############------------] progress 1/2 (50%) one',
    '[########################] progress 2/2 (100%) two',
  ];
  const erase = `\r${ESC}[K`;
  expect(written()).toBe(`${one}${erase}${ESC}[0mnews${ESC}[0m\n${one}${erase}${two}\n`);
});

test('elsewhere there is a line for each, and not one escape sequence', () => {
  const { display, written } = screen(false);
  display.progress(1, 2, 'one');
  display.line('news', 'error');
  display.leaveBar();

  expect(written()).toBe('progress 1/2 (50%) one\nnews\n');
});

test.each([true, false])('what a server sends cannot steer a terminal (terminal: %s)', (isTTY) => {
  const { display, written } = screen(isTTY);
  display.line(`${ESC}[2Jevil\r\u009b1A\u202e`);
  display.progress(1, 2, `${ESC}]0;evil\u0007\nnext`);

  for (const control of [`${ESC}[2J`, `${ESC}]`, '\u009b', '\u0007', '\u202e', 'evil\r']) {
    expect(written()).not.toContain(control);
  }
});

test('notifications and requests are shown as they come; an answer is left to the call that waits for it', () => {
  const shown: unknown[] = [];
  const display: Display = {
    line: (text, tone) => shown.push([text, tone]),
    progress: (...all) => shown.push(all),
    leaveBar: () => {},
  };
  const handle = createMessageHandler(display, () => {});
  const jsonrpc = '2.0';
  handle({
    jsonrpc,
    method: 'notifications/message',
    params: { level: 'alert', data: { message: 'm', n: 1 } },
  });
  handle({ jsonrpc, method: 'notifications/progress', params: { progressToken: 1, progress: 1, total: 3 } });
  handle({ jsonrpc, method: 'notifications/resources/updated', params: { uri: 'test://1' } });
  handle({ jsonrpc, id: 1, method: 'ping' });
  handle({ jsonrpc, id: 1, result: { content: [] } });
  handle({ jsonrpc, id: 2, error: { code: -32602, message: 'no' } });

  expect(shown).toEqual([
    ['alert     m n=1', 'error'],
    [1, 3, ''],
    ['notifications/resources/updated test://1', 'dim'],
    ['request ping', 'dim'],
  ]);
});
