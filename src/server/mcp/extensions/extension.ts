/** What an extension of MCP adds to the server. Nothing of it is reached unless `main.ts` lists it. */
import type { Params } from '../calls/call.js';
import type { Capabilities } from '../definitions/server-info.js';
import type { Definitions } from '../definitions/tool.js';
import type { Envelope } from '../envelope/message.js';

export interface Extension {
  /** Names its capability, e.g. `io.modelcontextprotocol/ui`. */
  readonly id: string;
  /** What the server declares of it, in each era that has it. */
  readonly declares: Readonly<Partial<Record<Envelope['era'], Params>>>;
  /** Checks and completes the definitions at start. @throws {TypeError} naming the one at fault */
  readonly prepare?: (definitions: Definitions) => Definitions;
}

/** The capabilities of one era: those of the server, and its extensions (MCP, `ServerCapabilities.extensions`). */
export function withExtensions(
  capabilities: Capabilities,
  listed: readonly Extension[],
  era: Envelope['era'],
): Capabilities {
  const declared = listed.flatMap(({ id, declares }) =>
    declares[era] ? [[id, declares[era]] as const] : [],
  );
  return declared.length === 0 ? capabilities : { ...capabilities, extensions: Object.fromEntries(declared) };
}
