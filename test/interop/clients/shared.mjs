/** What every client script shares: where to go, with which credential, what to do there, and how to say what it saw. */
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Set by the suite that starts the script. `document` may be deleted; `features` are to be tried. */
export const { url, key, token, clientId, document, features = [] } = JSON.parse(process.env.INTEROP ?? '{}');

/** Undefined for the OAuth flow. */
export const headers = key ? { 'X-Api-Key': key } : token ? { Authorization: `Bearer ${token}` } : undefined;

export const TOOL = 'process_files';
export const ARGUMENTS = { paths: ['kept'] };
const KEPT = 'kept/lending-rules.md';
export const RESOURCE = `documents:///${KEPT}`;
export const PROMPT = { name: 'summarize_document', arguments: { path: KEPT } };
export const COMPLETION = {
  ref: { type: 'ref/prompt', name: PROMPT.name },
  argument: { name: 'path', value: 'kept/l' },
};
const WORDS = 'Lending';

let asked = 0;
/** The user's answer to a question: yes to what may be deleted, no to everything else. */
export function answer({ message }) {
  asked++;
  const confirm = message.includes(` ${document} `);
  return confirm ? { action: 'accept', content: { confirm } } : { action: 'decline' };
}

/** Does each feature, by the client's own functions. @returns whether it came out as it should */
const TRIED = {
  resources: async ({ read }) => JSON.stringify(await read(RESOURCE)).includes(WORDS),
  prompts: async ({ prompt }) => JSON.stringify(await prompt(PROMPT)).includes(WORDS),
  completion: async ({ complete }) => JSON.stringify(await complete(COMPLETION)).includes(KEPT),
  async elicitation({ call }) {
    await call('delete_document', { path: KEPT });
    await call('delete_document', { path: document });
    return asked === 2;
  },
  async cancellation({ call }) {
    const controller = new AbortController();
    const ended = call('wait', {}, { signal: controller.signal, onProgress: () => controller.abort() });
    return ended.then(
      () => false,
      () => controller.signal.aborted,
    );
  },
  async 'step-up'({ call, signInAgain }) {
    const first = await call('delete_document', { path: document }).catch((error) => error);
    if (!(first instanceof Error) || asked > 0) return false;
    await signInAgain();
    await call('delete_document', { path: document });
    return asked === 1;
  },
};

/** Tries what the suite asks for. @returns the names of what came out as it should */
export async function tryFeatures(client) {
  const done = [];
  for (const feature of features) if (await TRIED[feature](client)) done.push(feature);
  return done;
}

/** `total` is what the tool counted, `progress` and `logs` how many notifications came before its result. */
export function report({ tools, result, progress = 0, logs = 0, done = [] }) {
  const total = result?.structuredContent?.total ?? JSON.parse(result?.content?.[0]?.text ?? '{}').total;
  process.stdout.write(`${JSON.stringify({ tools, total, progress, logs, done })}\n`);
  callbacks?.close();
}

/** Where the browser comes back to, until the report. */
let callbacks;

/** What an application keeps for an SDK's OAuth. The suite reads the URL from stderr, and its user comes back here. */
export async function startOAuth() {
  const server = createServer((req, res) => {
    res.end();
    server.emit('callback', new URL(req.url ?? '/', 'http://127.0.0.1').searchParams);
  });
  server.listen(0, '127.0.0.1');
  callbacks = server;
  await once(server, 'listening');
  const kept = { client: clientId && { client_id: clientId } };
  const redirectUrl = `http://127.0.0.1:${server.address().port}/callback`;
  let callback;
  return {
    /** What the browser brought back last. */
    callback: async () => (await callback)[0],
    provider: {
      redirectUrl,
      clientMetadata: {
        client_name: 'interop',
        redirect_uris: [redirectUrl],
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', ...(clientId ? [] : ['refresh_token'])],
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
      redirectToAuthorization(page) {
        callback = once(server, 'callback');
        process.stderr.write(`${page.href}\n`);
      },
    },
  };
}

/**
 * Connects, and once more after its user has signed in.
 * @param attempt connects with a new transport
 * @returns the client, and how its user signs in again
 */
export async function connected(attempt, finish) {
  if (headers) return { client: await attempt() };
  const { provider, callback } = await startOAuth();
  const signInAgain = async () => finish(await callback(), provider);
  await attempt(provider).catch(() => {}); // the 401 that sends the user away
  await signInAgain();
  return { client: await attempt(provider), signInAgain };
}
