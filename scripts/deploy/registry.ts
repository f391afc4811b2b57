/** Looks up the current digest of an image's tag (OCI Distribution 1.1, "Pulling manifests"). */
import { createHash } from 'node:crypto';

/** The types of an image; the first two list one image per platform. */
const TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
const TIMEOUT_MS = 20_000;
const MAX_BYTES = 4 * 1024 * 1024; // limit of the specification

export interface Reference {
  /** As the file names it: `docker.io`, `ghcr.io`, `127.0.0.1:5000`. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
}

/** @throws naming the image and the reason */
export async function digestOf({ host, repository, tag }: Reference): Promise<string> {
  try {
    const url = new URL(`/v2/${repository}/manifests/${tag}`, baseOf(host));
    const first = await get(url);
    const answer = first.status === 401 ? await get(url, await anonymousToken(first, url)) : first;
    if (answer.status !== 200) throw new Error(`the registry answers ${answer.status}`);
    const digest = `sha256:${createHash('sha256').update(answer.body).digest('hex')}`;
    const named = answer.headers.get('docker-content-digest');
    if (named !== null && named !== digest)
      throw new Error(`the registry names ${named}, and sends ${digest}`);
    return digest;
  } catch (error) {
    throw new Error(`${host}/${repository}:${tag}: ${reason(error)}`);
  }
}

/** Docker Hub's registry has another host. Plain HTTP is for a registry on this machine. */
function baseOf(host: string): string {
  if (host === 'docker.io') return 'https://registry-1.docker.io';
  return `${isLocal(host) ? 'http' : 'https'}://${host}`;
}

const isLocal = (host: string) => /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host);

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

async function get(url: URL, token?: string): Promise<Answer> {
  const headers = { accept: TYPES, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const body = Buffer.from(await response.arrayBuffer());
  if (body.length > MAX_BYTES) throw new Error('the answer is too large for a manifest');
  return { status: response.status, headers: response.headers, body };
}

/** Registries want a token even for public images, and give it to anyone. */
async function anonymousToken({ headers }: Answer, asked: URL): Promise<string> {
  const challenge = headers.get('www-authenticate') ?? '';
  const value = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1];
  const realm = value('realm');
  if (!challenge.startsWith('Bearer ') || realm === undefined) throw new Error('the registry wants a log-in');
  const url = new URL(realm);
  if (url.protocol !== 'https:' && !isLocal(asked.host)) throw new Error('tokens must come by HTTPS');
  for (const name of ['service', 'scope']) url.searchParams.set(name, value(name) ?? '');
  const { status, body } = await get(url);
  if (status !== 200) throw new Error(`no token: ${url.host} answers ${status}`);
  const { token, access_token: other } = JSON.parse(body.toString()) as Record<string, string | undefined>;
  const given = token ?? other;
  if (given === undefined) throw new Error(`no token in the answer of ${url.host}`);
  return given;
}

/** The reason why a `fetch` failed is in `cause`. */
function reason(error: unknown): string {
  const { message, cause } = error as Error & {
    readonly cause?: { readonly code?: string; message?: string };
  };
  return cause === undefined ? message : `not reachable (${cause.code ?? cause.message})`;
}
