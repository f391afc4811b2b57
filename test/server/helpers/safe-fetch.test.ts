import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { runFile } from '../../helpers/built.js';
import { selfSignedCertificate } from '../../helpers/certificate.js';

jest.setTimeout(60_000);

/** The name server: what it says to each question in turn, the last answer for ever. */
let names: Record<string, string[][]> = {};
let questions: string[] = [];
jest.unstable_mockModule('node:dns/promises', () => ({
  lookup: (name: string) => {
    questions.push(name);
    if (name === 'silent.example') return new Promise(() => {});
    const answers = names[name] ?? [];
    const addresses = answers.length > 1 ? answers.shift() : answers[0];
    if (!addresses) return Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`));
    return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  },
}));
const { safeFetch, ToolError } = await import('../../../src/server/index.js');

interface Received {
  readonly line: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** What arrived at the servers, which all listen on loopback: where no helper may lead unless told. */
let received: Received[] = [];
let servers: Server[] = [];
let port: number;
const limits = { signal: new AbortController().signal, timeoutMs: 50_000 };
const UNREACHABLE = 'The host of the URL cannot be reached';

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (text: string) => (body += text));
    req.on('end', () => {
      received.push({
        line: `${req.method} http://${req.headers.host}${req.url}`,
        headers: req.headers,
        body,
      });
      server.emit('received');
      listener(req, res);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

/** What each path answers. */
const ROUTES: Record<string, RequestListener> = {
  '/hello': (_req, res) => void res.setHeader('Set-Cookie', ['a=1', 'b=2']).end('hello'),
  '/missing': (_req, res) => void res.writeHead(404).end('not here'),
  '/empty': (_req, res) => void res.writeHead(204).end(),
  '/endless': (_req, res) => {
    const write = () => {
      while (!res.destroyed && res.write('x'.repeat(1000)));
    };
    res.on('drain', write);
    write();
  },
  '/slow-body': (_req, res) => void res.write('and then nothing'),
  '/silent': () => {},
  '/gzip': (_req, res) =>
    void res.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(Buffer.alloc(2 ** 24))),
  '/odd-status': (_req, res) => void res.writeHead(999).end(),
  '/upgrade': (_req, res) => void res.writeHead(101, { Connection: 'Upgrade', Upgrade: 'x' }).end(),
  '/broken': (_req, res) =>
    void res.writeHead(200, { 'Content-Length': '10' }).write('half', () => res.destroy()),
};

beforeEach(async () => {
  [names, questions, received] = [{}, [], []];
  port = await listen((req, res) => {
    const [path = '', to] = (req.url ?? '').split('?to=');
    const status = Number(path.slice(1));
    if (to !== undefined)
      return void res.writeHead(status, { Location: decodeURIComponent(to) }).end('moved');
    ROUTES[path]?.(req, res);
  });
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

const here = (path: string) => `http://127.0.0.1:${port}${path}`;
const allowed = () => ({ ...limits, allow: [`127.0.0.1:${port}`] });

async function expectRefused(url: string, words: string | RegExp = UNREACHABLE, options = {}): Promise<void> {
  const error: unknown = await safeFetch(url, { ...limits, ...options }).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(ToolError);
  expect((error as Error).message).toMatch(words);
  expect((error as Error).message).not.toContain('127.0.0.1');
}

describe('what comes back', () => {
  test('a host that is allowed is asked, and its answer is a Response', async () => {
    const response = await safeFetch(here('/hello'), allowed());

    expect(response).toMatchObject({ status: 200, ok: true, url: here('/hello') });
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.text()).toBe('hello');
  });

  test.each([
    ['/missing', 404, 'not here'],
    ['/empty', 204, ''],
  ])('%s: any status is an answer', async (path, status, text) => {
    const response = await safeFetch(here(path), allowed());

    expect({ status: response.status, text: await response.text() }).toEqual({ status, text });
  });

  test('method, headers and body arrive', async () => {
    await safeFetch(here('/hello'), {
      ...allowed(),
      method: 'PUT',
      headers: { 'X-Api-Key': 'k' },
      body: 'été',
    });

    expect(received).toMatchObject([
      {
        line: `PUT ${here('/hello')}`,
        headers: { 'x-api-key': 'k', 'accept-encoding': 'identity' },
        body: 'été',
      },
    ]);
  });

  test('a certificate that no authority signed is refused, and one that is trusted is not', async () => {
    const { cert, key } = selfSignedCertificate();
    const secure = https.createServer({ cert, key }, (_req, res) => res.end('secure')).listen(0, '127.0.0.1');
    const folder = mkdtempSync(join(tmpdir(), 'ca-'));
    try {
      await once(secure, 'listening');
      const url = `https://localhost:${(secure.address() as AddressInfo).port}/`;
      const authority = join(folder, 'ca.pem');
      writeFileSync(authority, cert);
      names = { localhost: [['127.0.0.1']] };

      await expectRefused(url, UNREACHABLE, { allow: [new URL(url).host] });
      const file = fileURLToPath(new URL('children/fetches.ts', import.meta.url));
      const child = runFile(file, { NODE_EXTRA_CA_CERTS: authority, URL: url }, '--import', 'tsx');
      expect(await child.ended()).toBe(0);
      expect(child.printed.stdout).toBe('secure');
    } finally {
      secure.close();
      secure.closeAllConnections();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('no address of our network is reached', () => {
  /** Spellings of 127.0.0.1 as a text may write it; the server listens there. */
  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '017700000001',
    '0x7f000001',
    '0x7f.0.0.1',
    '0177.0.0.01',
    '127.0.0.1.',
    '①②⑦.⓪.⓪.①',
    '127.255.255.254',
    '0.0.0.0',
    '0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[::ffff:0:127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b:1::127.0.0.1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
  ])('%s', async (host) => {
    await expectRefused(`http://${host}:${port}/hello`);
    expect(received).toEqual([]);
  });

  test('link-local and metadata addresses stay closed to a host that is allowed', async () => {
    for (const host of [
      '169.254.169.254',
      '[fe80::1]',
      '168.63.129.16',
      '[fd00:ec2::254]',
      '224.0.0.1',
      '[::]',
    ])
      await expectRefused(`http://${host}/`, UNREACHABLE, { allow: [host] });
    names = { 'api.internal': [['169.254.169.254']] };
    await expectRefused('http://api.internal/', UNREACHABLE, { allow: ['api.internal'] });
  });

  test('a name that leads there is refused like one that does not exist', async () => {
    names = {
      'evil.example': [['127.0.0.1']],
      'both.example': [['203.0.114.1', '127.0.0.1']],
      'none.example': [[]],
    };

    for (const name of ['evil.example', 'both.example', 'absent.example'])
      await expectRefused(`http://${name}:${port}/hello`);
    expect(received).toEqual([]);
  });

  test.each([
    'file:///etc/hostname',
    'ftp://example.com/',
    'data:,x',
    'gopher://127.0.0.1/',
    'not a url',
    '//x/',
  ])('%s is no http URL', (url) => expectRefused(url, 'not an http or https URL'));

  test('a user name or a password in the URL is refused, without being shown', async () => {
    await expectRefused(
      `http://user:secret@127.0.0.1:${port}/hello`,
      /^The URL has a user name or a password$/,
    );
    expect(received).toEqual([]);
  });

  test('what is allowed is one host with its port', async () => {
    const other = await listen((_req, res) => res.end());

    await expectRefused(`http://127.0.0.1:${other}/`, UNREACHABLE, allowed());
    await expectRefused(`http://127.0.0.2:${port}/`, UNREACHABLE, allowed());
    expect(received).toEqual([]);
  });

  test.each(['*.internal', 'http://api.internal', '127.1', 'API.internal', ''])(
    'allow refuses %j',
    async (host) => {
      await expect(safeFetch(here('/hello'), { ...limits, allow: [host] })).rejects.toThrow(TypeError);
    },
  );
});

describe('a name server that changes its mind (rebinding)', () => {
  test('is asked once, and the connection goes to what it said', async () => {
    names = { 'rebind.example': [['127.0.0.1'], ['127.0.0.2']] };

    const response = await safeFetch(`http://rebind.example:${port}/hello`, {
      ...limits,
      allow: [`rebind.example:${port}`],
    });

    expect(response.status).toBe(200);
    expect(questions).toEqual(['rebind.example']);
    expect(received).toMatchObject([{ line: `GET http://rebind.example:${port}/hello` }]);
  });

  test('is asked again, and checked again, after a redirect to the same name', async () => {
    names = { 'rebind.example': [['127.0.0.1'], ['169.254.169.254']] };
    const allow = [`rebind.example:${port}`];

    await expectRefused(`http://rebind.example:${port}/302?to=/hello`, UNREACHABLE, { allow });

    expect(questions).toHaveLength(2);
    expect(received).toHaveLength(1);
  });

  test('and that does not answer is not waited for after the end of the call', async () => {
    const call = new AbortController();
    const answered = safeFetch('http://silent.example/', { signal: call.signal });
    expect(questions).toEqual(['silent.example']);
    call.abort(new Error('cancelled'));

    await expect(answered).rejects.toThrow('cancelled');
  });
});

describe('redirects', () => {
  const to = (status: number, target: string) => here(`/${status}?to=${encodeURIComponent(target)}`);

  test.each([301, 302, 303, 307, 308])('%d is followed', async (status) => {
    const response = await safeFetch(to(status, '/hello'), allowed());

    expect(response.url).toBe(here('/hello'));
    expect(await response.text()).toBe('hello');
  });

  test.each([
    'http://169.254.169.254/latest/meta-data',
    'http://[::ffff:127.0.0.1]/',
    'http://2130706433/',
    'http://localhost/',
    '//127.0.0.2/',
  ])('to %s are refused', async (target) => {
    names = { localhost: [['127.0.0.1']] };

    await expectRefused(to(302, target), UNREACHABLE, allowed());
    expect(received).toHaveLength(1);
  });

  test('to another scheme, or to a URL with a password, are refused', async () => {
    await expectRefused(to(302, 'file:///etc/hostname'), 'not an http', allowed());
    await expectRefused(to(302, here('/hello').replace('//', '//user:secret@')), 'a user name', allowed());
    await expectRefused(to(302, 'http://'), 'not an http', allowed());
  });

  test('without end are given up', async () => {
    await expectRefused(to(302, ''), 'redirects too often', { ...allowed(), maxRedirects: 3 });
    expect(received).toHaveLength(4);
  });

  test('carry headers to the same origin, and no credential to another one, nor back again', async () => {
    const other = await listen((_req, res) => void res.writeHead(302, { Location: here('/hello') }).end());
    const headers = { authorization: 'Bearer s', cookie: 's', 'X-Api-Key': 's', Accept: 'text/html' };
    const allow = [`127.0.0.1:${port}`, `127.0.0.1:${other}`];

    await safeFetch(to(302, to(307, `http://127.0.0.1:${other}/`)), { ...limits, allow, headers });

    const credentials = ['authorization', 'cookie', 'x-api-key'];
    const seen = received.map((one) => credentials.map((name) => one.headers[name]));
    const none = [undefined, undefined, undefined];
    expect(seen).toEqual([['Bearer s', 's', 's'], ['Bearer s', 's', 's'], none, none]);
    expect(received.map((one) => one.headers['accept'])).toEqual(Array(4).fill('text/html'));
  });

  test('carry a body to the same origin, and to no other', async () => {
    const other = await listen((_req, res) => res.end());
    const options = { ...limits, method: 'POST' as const, body: 'secret' };
    const allow = [`127.0.0.1:${port}`, `127.0.0.1:${other}`];

    await safeFetch(to(307, '/hello'), { ...options, allow });
    await expectRefused(to(308, `http://127.0.0.1:${other}/`), 'to another server', { ...options, allow });
    await safeFetch(to(303, `http://127.0.0.1:${other}/`), { ...options, allow });

    const sent = received.map(({ line, body }) => `${line.slice(0, line.indexOf(' '))} ${body}`);
    expect(sent).toEqual(['POST secret', 'POST secret', 'POST secret', 'POST secret', 'GET ']);
  });
});

describe('limits', () => {
  test('an endless body is given up', () =>
    expectRefused(here('/endless'), 'more than 5000 bytes', { ...allowed(), maxBytes: 5000 }));

  test('a compressed body is not opened', async () => {
    await expectRefused(here('/gzip'), 'compressed body', allowed());
  });

  test.each(['/silent', '/slow-body'])('%s: what does not end is given up', async (path) => {
    await expectRefused(here(path), 'too long', { ...allowed(), timeoutMs: 300 });
  });

  test.each(['/silent', '/slow-body'])('%s: the end of the call ends it, with its reason', async (path) => {
    const call = new AbortController();
    const answered = safeFetch(here(path), { ...allowed(), signal: call.signal });
    while (received.length === 0) await once(servers[0] as Server, 'received');
    call.abort(new Error('cancelled'));

    await expect(answered).rejects.toThrow('cancelled');
  });

  test.each(['/odd-status', '/upgrade', '/broken'])('%s: an answer that is none is refused', (path) =>
    expectRefused(here(path), UNREACHABLE, allowed()),
  );

  test('a port where nobody listens reads as any host that cannot be reached', async () => {
    for (const server of servers) server.close();

    await expectRefused(here('/hello'), UNREACHABLE, allowed());
  });

  test.each(['Host', 'Content-Length', 'transfer-encoding', 'Proxy-Authorization', 'Accept-Encoding'])(
    '%s cannot be set',
    async (name) => {
      await expect(safeFetch(here('/hello'), { ...allowed(), headers: { [name]: '1' } })).rejects.toThrow(
        TypeError,
      );
      expect(received).toEqual([]);
    },
  );

  test('a header value that would begin another header is refused, and not shown', async () => {
    const error: unknown = await safeFetch(here('/hello'), {
      ...allowed(),
      headers: { 'X-Name': 'secret\r\nHost: evil' },
    }).catch((one: unknown) => one);

    expect(error).toHaveProperty('name', 'TypeError');
    expect(String(error)).not.toContain('secret');
    expect(received).toEqual([]);
  });
});
