/** For tools that use neither, whatever those of the clone have. */
import type { Services, Settings } from '../../../src/server/mcp/definitions/tool.js';

const NONE: unknown = {};
export const noSettings = NONE as Settings;
export const noServices = NONE as Services;
