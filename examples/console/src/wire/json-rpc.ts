/** The messages of MCP, as far as this page looks into them. */
export interface Message {
  readonly jsonrpc: '2.0';
  readonly id?: number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: RefusalData };
}

interface RefusalData {
  readonly code?: string;
  readonly requestId?: string;
}

export const REVISION = '2025-11-25';

export const INITIALIZE = {
  protocolVersion: REVISION,
  capabilities: {},
  clientInfo: { name: 'mcp-console', version: '1.0.0' },
};

/** An answer that says no, in the server's own words. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The browser tells a page nothing of an answer that it may not read, so neither can we tell which it was. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  constructor(url: string) {
    super(
      `No readable answer from ${new URL(url).origin}. Either nothing listens there, or its ALLOWED_ORIGINS ` +
        `lacks this page's origin, ${location.origin}.`,
    );
  }
}

/** @throws {Refused} {@link NoAnswer} and, when `init.signal` says so, its reason */
export async function send(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, credentials: 'omit', redirect: 'error' }).catch(
    (error: unknown) => {
      if (init.signal?.aborted) throw error;
      throw new NoAnswer(url);
    },
  );
  if (response.ok) return response;
  const { error } = (await response.json().catch(() => ({}))) as Partial<Message>;
  const scope = /scope="([^"]*)"/.exec(response.headers.get('WWW-Authenticate') ?? '')?.[1];
  const words = [
    `${response.status} ${error?.data?.code ?? ''}: ${error?.message ?? response.statusText}`,
    error?.data?.code === 'insufficient_scope' && scope ? `needs the scope ${scope}` : '',
    error?.data?.requestId ? `request ${error.data.requestId}` : '',
  ];
  throw new Refused(response.status, error?.data?.code ?? '', words.filter(Boolean).join('; '));
}

/** The result of an answer. */
export function resultOf({ result, error }: Message): Readonly<Record<string, unknown>> {
  if (error) throw new Error(`${error.code}: ${error.message}`);
  return result ?? {};
}
