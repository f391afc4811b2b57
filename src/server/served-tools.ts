/** Selects the tools that this process serves. To clients, the others do not exist. */
import type { Config, Problem } from './config/index.js';
import type { ToolDefinition } from './mcp/definitions/tool.js';

type Tools = readonly ToolDefinition[];
type Selection = Pick<Config, 'ENABLED_TOOLS' | 'READ_ONLY'>;

export function servedTools(tools: Tools, { ENABLED_TOOLS, READ_ONLY }: Selection): Tools {
  const isEnabled = (name: string) => ENABLED_TOOLS.length === 0 || ENABLED_TOOLS.includes(name);
  const isAllowed = ({ annotations }: ToolDefinition) => !READ_ONLY || annotations?.readOnlyHint === true;
  return tools.filter((tool) => isEnabled(tool.name) && isAllowed(tool));
}

/** A typo must not silently take a tool away. */
export function unknownTools(tools: Tools, { ENABLED_TOOLS }: Selection): readonly Problem[] {
  const names = tools.map(({ name }) => name);
  const known = `the tools are ${names.join(', ') || 'none'}`;
  return [...ENABLED_TOOLS.entries()]
    .filter(([, name]) => !names.includes(name))
    .map(([index]) => ({ variable: 'ENABLED_TOOLS', message: `entry ${index + 1} names no tool: ${known}` }));
}
