/** What a definition throws to say more than that it failed. */

/** An error whose message is meant for the caller. Any other error reaches the client as a generic message and an id. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

/**
 * Ends a call that cannot go on before its user has been to a URL, under the rules of an `ask` by URL. Revision 2025-11-25
 * over HTTP answers `-32042`, and the client calls again when its user is done. Elsewhere the user is asked, and after
 * `accept` the definition runs once more: if it throws this again, the call fails and says that the user is not done.
 */
export class UrlRequired extends Error {
  override readonly name = 'UrlRequired';
  constructor(
    /** What the user reads beside the URL. */
    message: string,
    readonly url: string,
  ) {
    super(message);
  }
}

/** The client cannot answer an `ask` (-32021 in the 2026 era). */
export class MissingCapability extends Error {
  override readonly name = 'MissingCapability';
  constructor(
    readonly capability: 'elicitation' | 'sampling' | 'roots',
    readonly mode?: 'url',
  ) {
    super(`The client does not support ${capability}${mode ? ' by URL' : ''}`);
  }

  /** As a client declares it. */
  get required(): Readonly<Record<string, object>> {
    return { [this.capability]: this.mode ? { [this.mode]: {} } : {} };
  }
}
