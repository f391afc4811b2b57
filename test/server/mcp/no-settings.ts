/** For tools that use neither, whatever those of the clone have. */
import type { ToolServices, ToolSettings } from '../../../src/server/mcp/definitions/tool.js';

const NONE: unknown = {};
export const noSettings = NONE as ToolSettings;
export const noServices = NONE as ToolServices;
