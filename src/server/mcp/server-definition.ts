import type { z } from 'zod';
import type { About, Definitions, OpenServices } from './definitions/tool.js';
import type { Extension } from './extensions/extension.js';

/** All that a clone hands to the server. */
export interface ServerDefinition extends Definitions {
  readonly about?: About;
  /** Environment variables of the clone's own. */
  readonly settings?: z.ZodObject;
  readonly openServices?: OpenServices;
  /** Extensions of MCP that are served; the others do not exist. */
  readonly extensions?: readonly Extension[];
}
