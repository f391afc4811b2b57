/** What every client script shares: where to go, with which credential, and how to say what it saw. */
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Set by the suite that starts the script. */
export const { url, key, token } = JSON.parse(process.env.INTEROP ?? '{}');

/** Undefined for the OAuth flow. */
export const headers = key ? { 'X-Api-Key': key } : token ? { Authorization: `Bearer ${token}` } : undefined;

export const TOOL = 'process_files';
export const ARGUMENTS = { paths: ['.'] };

/** `total` is what the tool counted, `progress` and `logs` how many notifications came before its result. */
export function report({ tools, result, progress = 0, logs = 0, revision }) {
  const total = result?.structuredContent?.total ?? JSON.parse(result?.content?.[0]?.text ?? '{}').total;
  process.stdout.write(`${JSON.stringify({ tools, total, progress, logs, revision })}\n`);
}

/** What an application keeps for an SDK's OAuth. The suite reads the URL from stderr, and its user comes back here. */
export async function startOAuth() {
  const server = createServer((req, res) => {
    res.end();
    server.emit('callback', new URL(req.url ?? '/', 'http://127.0.0.1').searchParams);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kept = {};
  const redirectUrl = `http://127.0.0.1:${server.address().port}/callback`;
  const callback = once(server, 'callback').then(([parameters]) => parameters);
  return {
    callback,
    close: () => server.close(),
    provider: {
      redirectUrl,
      clientMetadata: {
        client_name: 'interop',
        redirect_uris: [redirectUrl],
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
      clientInformation: () => kept.client,
      saveClientInformation: (client) => void (kept.client = client),
      tokens: () => kept.tokens,
      saveTokens: (tokens) => void (kept.tokens = tokens),
      codeVerifier: () => kept.verifier,
      saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
      discoveryState: () => kept.discovery,
      saveDiscoveryState: (discovery) => void (kept.discovery = discovery),
      redirectToAuthorization: (page) => void process.stderr.write(`${page.href}\n`),
    },
  };
}

/** Connects, and once more after its user has signed in. @param attempt connects with a new transport */
export async function connected(attempt, finish) {
  if (headers) return attempt();
  const { provider, callback, close } = await startOAuth();
  try {
    await attempt(provider).catch(() => {}); // the 401 that sends the user away
    await finish(await callback, provider);
    return await attempt(provider);
  } finally {
    close();
  }
}
