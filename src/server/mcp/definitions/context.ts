/** All that a tool, a resource or a prompt may see of the call that it answers. */
import type { Caller } from '../../identity/caller.js';
import type { Change } from '../../stores/types.js';
import type { AskAnswer, AskRequest } from './content.js';
import type { Grants } from './grants.js';

/** The clone's settings; `src/settings.ts` fills it in by declaration merging. */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type
export interface Settings {}
/** The clone's connections; `src/services.ts` fills it in by declaration merging. */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type
export interface Services {}

/** RFC 5424 severities, least severe first, as MCP names them. */
export const LOG_LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Awaited, it settles when there is room for more. A tool that sends more than a client can read must wait for that. */
export type Sent = PromiseLike<void> | void;

export interface ToolContext {
  readonly caller: Caller;
  readonly settings: Settings;
  readonly services: Services;
  readonly requestId: string;
  /** Aborts when the call is cancelled, times out, or (2026 era) its client hangs up. */
  readonly signal: AbortSignal;
  /** Sends `notifications/message`, unless the client asked for more severe levels only. */
  log(level: LogLevel, data: unknown): Sent;
  /** Sends `notifications/progress`, if the client asked for progress. `done` must grow with each call. */
  progress(done: number, total?: number, message?: string): Sent;
  /** Whether the client declared that it can answer this kind of request; of elicitation, in this mode (default `form`). */
  canAsk(method: AskRequest['method'], mode?: 'form' | 'url'): boolean;
  /**
   * Asks the client's user (elicitation), model (sampling) or workspace (roots), and waits; the tool's clock stops.
   *
   * In the 2026 era the handler is run again from the start with the answers so far, so **no effect may precede an
   * `ask`**, and `key` must name the same question on every run. Asks made together (`Promise.all`) go out together.
   *
   * @throws {MissingCapability} when the client did not declare that it can answer
   * @throws {TypeError} for a URL that breaks a rule of docs/urls.md: nothing is sent
   */
  ask<R extends AskRequest>(key: string, request: R): Promise<AskAnswer<R>>;
  /**
   * Tells the client that the user has done what the URL of this `ask` was for. Only revision 2025-11-25 over HTTP has a
   * notification for it; elsewhere nothing is sent.
   */
  completed(key: string): Sent;
  /** The accounts at other APIs that the caller has connected; `grants` in `main.ts` names the APIs. */
  readonly grants: Grants;
  /** Tells subscribed clients that a list or a resource changed. */
  changed(change: Change): void;
}
