import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import express from 'express';
import { challenge, resourceMetadata } from '../../../src/server/identity/challenge.js';

const metadata = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
const oauth = challenge({ resourceMetadata: new URL(metadata), scopes: ['a', 'b'] });
const keysOnly = challenge({ scopes: ['a'] });

test('a challenge says where the metadata is, what to ask for, and what was wrong', () => {
  expect(oauth()).toEqual({ 'WWW-Authenticate': `Bearer scope="a b", resource_metadata="${metadata}"` });
  expect(oauth('invalid_token')).toEqual({
    'WWW-Authenticate': `Bearer error="invalid_token", scope="a b", resource_metadata="${metadata}"`,
  });
  expect(oauth('insufficient_scope', ['c'])).toEqual({
    'WWW-Authenticate': `Bearer error="insufficient_scope", scope="c", resource_metadata="${metadata}"`,
  });
});

test('scopes are named as the identity provider writes them', () => {
  const prefixed = challenge({
    resourceMetadata: new URL(metadata),
    scopes: ['a'],
    scopePrefix: 'api://mcp/',
  });

  expect(prefixed()['WWW-Authenticate']).toContain('scope="api://mcp/a"');
  expect(prefixed('insufficient_scope', ['b', 'c'])['WWW-Authenticate']).toContain(
    'scope="api://mcp/b api://mcp/c"',
  );
});

test('without scopes to ask for, none are named', () => {
  const plain = challenge({ resourceMetadata: new URL(metadata) });

  expect(plain()).toEqual({ 'WWW-Authenticate': `Bearer resource_metadata="${metadata}"` });
});

test('without OAuth a 401 names the realm alone, and a 403 the missing scope', () => {
  expect(keysOnly()).toEqual({ 'WWW-Authenticate': 'Bearer realm="mcp"' });
  expect(keysOnly('invalid_token')).toEqual({ 'WWW-Authenticate': 'Bearer realm="mcp"' });
  expect(keysOnly('insufficient_scope', ['c'])).toEqual({
    'WWW-Authenticate': 'Bearer realm="mcp", error="insufficient_scope", scope="c"',
  });
});

test('the metadata document names the resource, its authorization servers and the header as the only way', async () => {
  const app = express();
  const options = {
    resource: 'https://mcp.example/mcp',
    authorization_servers: ['https://issuer.example'],
    scopes_supported: ['a'],
    resource_name: 'M',
  };
  app.all('/metadata', resourceMetadata(options));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metadata`;
    const response = await fetch(url);
    const head = await fetch(url, { method: 'HEAD' });

    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toEqual({
      resource: 'https://mcp.example/mcp',
      authorization_servers: ['https://issuer.example'],
      scopes_supported: ['a'],
      bearer_methods_supported: ['header'],
      resource_name: 'M',
    });
    expect([head.status, await head.text()]).toEqual([200, '']);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
