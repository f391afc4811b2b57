/** Sends the user to a URL when a definition cannot go on before, by what the revision of the call has for it. */
import { type AskByUrl, type ToolContext, ToolError, UrlRequired } from '../definitions/tool.js';
import type { Call } from './call.js';
import { requireSafeUrl, type UrlRules } from './safe-url.js';

/** Names the question; a definition that asks this itself would share its answer. */
const KEY = 'url-required';

/**
 * Runs a definition. For its {@link UrlRequired} it throws what the era answers with.
 *
 * @throws {RpcError} `-32042`; {InputRequired} {ToolError} where the user is asked instead; {TypeError} for an unsafe URL
 */
export async function sendToUrls<T>(
  run: (context: ToolContext) => Promise<T> | T,
  context: ToolContext,
  call: Call,
  urls: UrlRules,
): Promise<T> {
  try {
    return await run(context);
  } catch (error) {
    if (!(error instanceof UrlRequired)) throw error;
    const { message, url } = error;
    const request: AskByUrl = { method: 'elicitation/create', params: { mode: 'url', message, url } };
    if (call.urlRequired) {
      requireSafeUrl(url, call.caller, urls);
      throw call.urlRequired(request);
    }
    const { action } = await context.ask(KEY, request);
    throw new ToolError(
      action === 'accept' ? `Not done at the URL yet: ${message}` : `The user declined: ${message}`,
    );
  }
}
