import { expect, test } from '@jest/globals';
import { originGuard } from '../../../src/server/layers/origin-guard.js';
import { parseRaw, rawRequest } from '../../helpers/raw-http.js';
import { codeOf, serve } from './serve.js';

const EXTENSIONS = [
  'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
  'vscode-webview://1a2b3c',
  'tauri://localhost',
];
const guard = () => originGuard(['https://console.example', 'http://localhost:5173', ...EXTENSIONS]);

test.each([
  'https://evil.example',
  'http://console.example',
  'https://console.example:8443',
  'https://console.example:443',
  'https://console.example/',
  'https://console.example.evil.example',
  'https://CONSOLE.example',
  'http://localhost',
  'null',
  'chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba',
  'moz-extension://abcdefghijklmnopabcdefghijklmnop',
  'tauri://localhost/',
  'TAURI://localhost',
  'tauri://localhost:1',
  '',
])('the origin %p is refused and not repeated', async (origin) => {
  const { url, passed, audit } = await serve([guard()]);

  const response = await fetch(url, { headers: { Origin: origin } });
  const text = await response.clone().text();

  expect(response.status).toBe(403);
  expect(await codeOf(response)).toBe('origin_not_allowed');
  if (origin !== 'null' && origin !== '') expect(text).not.toContain(origin);
  expect(passed).toHaveLength(0);
  expect((await audit.record()).reason).toBe('origin_not_allowed');
});

test.each([
  ['the same twice', 'https://console.example', 'https://console.example'],
  ['an unknown one last', 'https://console.example', 'https://evil.example'],
])('two Origin headers are refused: %s', async (_case, first, second) => {
  const { port, passed } = await serve([guard()]);

  const answer = parseRaw(
    await rawRequest(
      port,
      `GET / HTTP/1.1\r\nHost: a\r\nOrigin: ${first}\r\nOrigin: ${second}\r\nConnection: close\r\n\r\n`,
    ),
  );

  expect(answer.status).toBe(403);
  expect(passed).toHaveLength(0);
});

test.each([
  {},
  ...['https://console.example', 'http://localhost:5173', ...EXTENSIONS].map((Origin) => ({ Origin })),
])('a native client and a listed origin pass: %p', async (headers) => {
  const { url } = await serve([guard()]);

  expect((await fetch(url, { headers: headers as Record<string, string> })).status).toBe(200);
});

test.each([
  '*',
  'null',
  'https://a.example/',
  'https://a.example:443',
  'https://A.example',
  'file://',
  'chrome-extension://*',
  '*://localhost',
  'tauri://localhost/',
  'tauri://.localhost',
  'tauri://localhost:0',
  'ws://a.example',
  'a.example',
])('an allowed origin cannot be %p', (origin) => {
  expect(() => originGuard([origin])).toThrow(TypeError);
});
