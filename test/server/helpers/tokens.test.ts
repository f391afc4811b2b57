import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { clientCredentials, exchangeToken, ToolError } from '../../../src/server/index.js';
import { statementExchange } from '../../helpers/authorization-grants.js';
import {
  type AuthorizationServer,
  SERVICE_CLIENT,
  startAuthorizationServer,
} from '../../helpers/authorization-server.js';

const API = 'https://loans.example/api';
const SECRET = 'the-secret-of-our-client';
const { signal } = new AbortController();
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signingKey = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const alice = { issuer: 'https://issuer.example', subject: 'alice' };

let real: AuthorizationServer | undefined;
let fake: Server | undefined;
/** What the fake server was sent. */
let asked: { headers: IncomingHttpHeaders; body: URLSearchParams }[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  await real?.close();
  fake?.close();
  fake?.closeAllConnections();
  [real, fake, asked] = [undefined, undefined, []];
});

async function realOptions(scope = 'loans:read') {
  real = await startAuthorizationServer({
    resource: API,
    scopes: ['loans:read'],
    grants: [statementExchange(publicKey)],
  });
  const { issuer, secret } = real;
  return {
    tokenUrl: `${issuer}/token`,
    clientId: SERVICE_CLIENT,
    clientSecret: secret,
    scope,
    resource: API,
  };
}

async function fakeOptions(answer: RequestListener) {
  fake = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (text: string) => (body += text));
    req.on('end', () => {
      asked.push({ headers: req.headers, body: new URLSearchParams(body) });
      fake?.emit('asked');
      answer(req, res);
    });
  }).listen(0, '127.0.0.1');
  await once(fake, 'listening');
  const tokenUrl = `http://127.0.0.1:${(fake.address() as AddressInfo).port}/token`;
  return { tokenUrl, clientId: 'us', clientSecret: SECRET, scope: 'loans:read' };
}

const json = (value: object, status = 200): RequestListener => {
  return (_req, res) =>
    void res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
};
/** A new token with each question. */
const counting = (more: object = { expires_in: 300 }): RequestListener => {
  let count = 0;
  return (req, res) =>
    json({
      access_token: `token-${++count}`,
      token_type: 'Bearer',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      ...more,
    })(req, res);
};

describe('at a real authorization server', () => {
  async function verified(token: string) {
    const keys = createRemoteJWKSet(new URL(`${real?.issuer}/jwks`));
    return (await jwtVerify(token, keys, { audience: API, issuer: real?.issuer ?? '' })).payload;
  }

  test('client credentials give a token of this server for the API', async () => {
    const token = await clientCredentials(await realOptions())(signal);

    expect(await verified(token)).toMatchObject({ sub: SERVICE_CLIENT, scope: 'loans:read' });
  });

  test('an exchange gives a token of the user for the API', async () => {
    const exchange = exchangeToken({ ...(await realOptions()), signingKey });

    expect(await verified(await exchange(alice, signal))).toMatchObject({
      sub: 'alice',
      client_id: SERVICE_CLIENT,
      scope: 'loans:read',
    });
  });

  test('a statement by another key is not believed, and the error shows none of it', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const exchange = exchangeToken({
      ...(await realOptions()),
      signingKey: other.export({ type: 'pkcs8', format: 'pem' }) as string,
    });

    await expect(exchange(alice, signal)).rejects.toThrow(
      /^No token from 127\.0\.0\.1:\d+: no usable answer$/,
    );
  });

  test('a wrong secret is an error in the words of the standard', async () => {
    const get = clientCredentials({ ...(await realOptions()), clientSecret: SECRET });

    await expect(get(signal)).rejects.toThrow(/: invalid_client$/);
  });
});

describe('what the authorization server is told', () => {
  test('the client by Basic, the scope, the resource and the audience', async () => {
    const options = await fakeOptions(counting());

    await clientCredentials({ ...options, resource: API, audience: 'loans' })(signal);

    const basic = Buffer.from(asked[0]?.headers.authorization?.replace('Basic ', '') ?? '', 'base64');
    expect(decodeURIComponent(String(basic))).toBe(`us:${SECRET}`);
    expect(Object.fromEntries(asked[0]?.body ?? [])).toEqual({
      grant_type: 'client_credentials',
      scope: 'loans:read',
      resource: API,
      audience: 'loans',
    });
  });

  test('for whom it asks: by issuer and subject, in a statement for this server that ends in a minute', async () => {
    const options = await fakeOptions(counting());

    await exchangeToken({ ...options, signingKey })(alice, signal);

    const body = asked[0]?.body;
    expect(body?.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:token-exchange');
    expect(body?.get('subject_token_type')).toBe('urn:ietf:params:oauth:token-type:jwt');
    const { iat = 0, exp = 0, ...claims } = decodeJwt(body?.get('subject_token') ?? '');
    expect(exp - iat).toBe(60);
    expect(claims).toEqual({
      iss: 'us',
      sub: 'alice',
      sub_id: { format: 'iss_sub', iss: alice.issuer, sub: 'alice' },
      aud: options.tokenUrl,
      jti: expect.any(String),
    });
  });

  test('nothing for a caller whom no identity provider named', async () => {
    const exchange = exchangeToken({ ...(await fakeOptions(counting())), signingKey });

    for (const issuer of ['api-key', 'none', 'stdio'])
      await expect(exchange({ issuer, subject: 'k1' }, signal)).rejects.toThrow(ToolError);
    expect(asked).toEqual([]);
  });
});

describe('a token is kept', () => {
  test('for its caller, and given to no other', async () => {
    const exchange = exchangeToken({ ...(await fakeOptions(counting())), signingKey });
    const get = (issuer: string, subject: string) => exchange({ issuer, subject }, signal);

    expect(await get('https://issuer.example', 'alice')).toBe('token-1');
    expect(await get('https://issuer.example', 'alice')).toBe('token-1');
    expect(await get('https://issuer.example', 'bob')).toBe('token-2');
    expect(await get('https://other.example', 'alice')).toBe('token-3');
  });

  test('until half a minute before it ends', async () => {
    const get = clientCredentials(await fakeOptions(counting()));
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now);

    expect(await get(signal)).toBe('token-1');
    clock.mockReturnValue(now + 269_000);
    expect(await get(signal)).toBe('token-1');
    clock.mockReturnValue(now + 270_000);
    expect(await get(signal)).toBe('token-2');
  });

  test('not at all when nobody says how long it is good', async () => {
    const get = clientCredentials(await fakeOptions(counting({})));

    expect([await get(signal), await get(signal)]).toEqual(['token-1', 'token-2']);
  });

  test('and fetched once for all who ask meanwhile, whoever of them gives up', async () => {
    let answer = () => {};
    const get = clientCredentials(
      await fakeOptions((req, res) => {
        answer = () => counting()(req, res);
      }),
    );
    const leaving = new AbortController();
    const [first, second] = [get(leaving.signal), get(signal)];
    while (asked.length === 0) await once(fake as Server, 'asked');
    leaving.abort(new Error('cancelled'));
    await expect(first).rejects.toThrow('cancelled');
    answer();

    expect(await second).toBe('token-1');
    expect(asked).toHaveLength(1);
  });

  test('and a failure is not', async () => {
    const good = counting();
    let isAway = true;
    const get = clientCredentials(await fakeOptions((req, res) => (isAway ? res.destroy() : good(req, res))));

    await expect(get(signal)).rejects.toThrow('no usable answer');
    isAway = false;
    expect(await get(signal)).toBe('token-1');
  });
});

describe('what is refused', () => {
  const TOKEN = 'a-token-that-nobody-may-see';
  const answers: Record<string, RequestListener> = {
    'an error that quotes us': json({ error: 'invalid_grant', error_description: `${SECRET} ${TOKEN}` }, 400),
    'an error of its own making': json({ error: `${SECRET} ${TOKEN}` }, 400),
    'a challenge that quotes us': (_req, res) =>
      void res.writeHead(401, { 'WWW-Authenticate': `Basic realm="${SECRET}"` }).end(TOKEN),
    'a token for proofs that we cannot give': json({
      access_token: TOKEN,
      token_type: 'DPoP',
      expires_in: 60,
    }),
    'a token that is no access token': json({
      access_token: TOKEN,
      token_type: 'Bearer',
      issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token',
    }),
    'no token': json({ token_type: 'Bearer' }),
    'no JSON': (_req, res) =>
      void res.writeHead(200, { 'Content-Type': 'application/json' }).end(`<${TOKEN}>`),
    'a redirect': (_req, res) => void res.writeHead(307, { Location: '/elsewhere' }).end(),
    'an endless answer': (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'application/json' });
      const write = () => {
        while (!res.destroyed && res.write(TOKEN.repeat(100)));
      };
      res.on('drain', write);
      write();
    },
  };

  test.each(Object.keys(answers))('%s, without a word of it in the error', async (name) => {
    const options = await fakeOptions(answers[name] ?? (() => {}));
    const error = (await clientCredentials(options)(signal).catch((one: unknown) => one)) as Error;

    expect(error.message).toMatch(/^No token from 127\.0\.0\.1:\d+: (?:invalid_\w+|no usable answer)$/);
    expect(error.cause).toBeUndefined();
    expect(`${error.stack}${JSON.stringify(error)}`).not.toMatch(new RegExp(`${SECRET}|${TOKEN}`));
    expect(asked).toHaveLength(1);
  });

  test.each([
    'http://issuer.example/token',
    'http://127.0.0.1.issuer.example/token',
    'https://us:secret@issuer.example/token',
    'ftp://issuer.example/token',
    'token',
  ])('%s as an endpoint, at the start', (tokenUrl) => {
    const options = { tokenUrl, clientId: 'us', clientSecret: SECRET, scope: '' };

    expect(() => clientCredentials(options)).toThrow(/^tokenUrl must be https/);
    expect(() => exchangeToken({ ...options, signingKey })).toThrow(/^tokenUrl must be https/);
  });

  test('a key that cannot be read, at the start and without it', () => {
    const options = {
      tokenUrl: 'https://issuer.example/token',
      clientId: 'us',
      clientSecret: SECRET,
      scope: '',
    };

    expect(() => exchangeToken({ ...options, signingKey: 'secret' })).toThrow(
      /^signingKey is no private key in PEM$/,
    );
  });
});
