/** One tool that uses every helper, and all that leaves this server while it runs. */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  clientCredentials,
  defineTool,
  exchangeToken,
  openUnder,
  runCommand,
  safeFetch,
  type ToolDefinition,
} from '../../../src/server/index.js';
import { type AuthorizationServer, startAuthorizationServer } from '../../helpers/authorization-server.js';
import { type Served, serve } from '../../helpers/serve.js';
import { call, openSession, post } from '../process/requests.js';

const AUDIENCE = 'https://mcp.example/mcp';

let issuer: AuthorizationServer;
let outside: Server;
let served: Served;
/** All that left: requests with every header, and what a program and a tool see. */
let left: string[];

beforeEach(async () => {
  left = [];
  issuer = await startAuthorizationServer({ resource: AUDIENCE, scopes: ['out:use'] });
  outside = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (text: string) => (body += text));
    req.on('end', () => {
      left.push(JSON.stringify([req.method, req.url, req.rawHeaders, body]));
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ access_token: 'ours', token_type: 'Bearer', expires_in: 300 }));
    });
  }).listen(0, '127.0.0.1');
  await once(outside, 'listening');
  const host = `127.0.0.1:${(outside.address() as AddressInfo).port}`;
  const definitions = { tools: [everyHelper(host)], resources: [], prompts: [] };
  const env = { AUTH: 'jwt,api-key', JWT_ISSUERS: issuer.issuer, JWT_AUDIENCE: AUDIENCE };
  served = await serve(definitions, ['out:use'], env);
});
afterEach(async () => {
  await served.close();
  outside.close();
  outside.closeAllConnections();
  await issuer.close();
});

function everyHelper(host: string): ToolDefinition {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signingKey = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const ours = {
    tokenUrl: `http://${host}/token`,
    clientId: 'us',
    clientSecret: 'our-secret',
    scope: 'loans',
  };
  const tokenOfServer = clientCredentials(ours);
  const tokenOfUser = exchangeToken({ ...ours, signingKey });
  return defineTool({
    name: 'out',
    description: 'Uses every helper.',
    scopes: ['out:use'],
    input: z.object({}),
    async run(_input, context) {
      const { caller, signal } = context;
      left.push(inspect(context, { depth: null, showHidden: true, getters: true }));
      await (await openUnder('docs', 'README.md')).close();
      const print = ['-e', 'console.log(process.env, process.argv); process.stdin.pipe(process.stdout)'];
      const { stdout } = await runCommand({ program: process.execPath, args: print, signal });
      left.push(String(stdout));
      await safeFetch(`http://${host}/fetched`, { signal, allow: [host] });
      await tokenOfServer(signal);
      if (caller.method === 'jwt') await tokenOfUser(caller, signal);
      return 'done';
    },
  });
}

/** In both eras. */
async function useWith(headers: Readonly<Record<string, string>>): Promise<void> {
  const params = { name: 'out', arguments: {} };
  const session = { ...headers, ...(await openSession(served.url, headers)) };
  const answers = [
    await call(served.url, 'tools/call', params, headers),
    await post(served.url, { method: 'tools/call', params }, session),
  ];
  for (const answer of answers) expect(await answer.text()).toContain('done');
}

test.each(['token', 'key'] as const)(
  'whatever the helpers send, the %s of the caller is not in it',
  async (kind) => {
    const credential = kind === 'key' ? served.key : await issuer.token({ scope: 'out:use' });
    await useWith(kind === 'key' ? { 'X-Api-Key': credential } : { Authorization: `Bearer ${credential}` });

    const asked = left.filter((text) => /^\["(?:GET|POST)"/.test(text));
    expect(asked.length).toBeGreaterThanOrEqual(kind === 'key' ? 3 : 4); // fetched twice, tokens are kept
    expect(left.length).toBe(asked.length + 4);
    // Its parts too: a token without its signature still names the user.
    const parts = [credential, ...credential.split(/[._]/).filter((part) => part.length > 20)];
    expect(left.filter((text) => parts.some((part) => text.includes(part)))).toEqual([]);
  },
);
