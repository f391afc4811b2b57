import type { z } from 'zod';
import type { GrantOptions } from '../grants/options.js';
import type { About, Definitions, OpenServices, Settings } from './definitions/tool.js';
import type { Extension } from './extensions/extension.js';

/** Secrets come from the settings. */
export type OpenGrantOptions = (settings: Settings) => GrantOptions;

/** All that a clone hands to the server. */
export interface ServerDefinition extends Definitions {
  readonly about?: About;
  /** Environment variables of the clone's own. */
  readonly settings?: z.ZodObject;
  readonly openServices?: OpenServices;
  /** APIs at which users connect their accounts, for `context.grants`. Over HTTP alone. */
  readonly grants?: OpenGrantOptions;
  /** Extensions of MCP that are served; the others do not exist. */
  readonly extensions?: readonly Extension[];
}
