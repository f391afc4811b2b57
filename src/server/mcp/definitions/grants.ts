import { ToolError } from './errors.js';

/** What a user granted this server at other APIs, for the caller of one call. */
export interface Grants {
  /**
   * An access token for the API that `grants` in `main.ts` gives this name. Send it there and nowhere else: never return,
   * log or throw it.
   *
   * @throws {UrlRequired} while the user has not connected their account
   * @throws {ToolError} for a caller who is no user, such as an API key
   */
  token(api: string): Promise<string>;
  /** Forgets what the user granted; also to be called when the API refuses the token. */
  withdraw(api: string): Promise<void>;
}

/** Where `main.ts` names no API, and over stdio, which has no page to open. */
export const NO_GRANTS: Grants = {
  token: () => Promise.reject(new ToolError('No account can be connected here')),
  withdraw: async () => {},
};
