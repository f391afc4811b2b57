import { z } from 'zod';
import { defineTool, LOG_LEVELS } from '../server/index.js';

/** Shows which messages pass a client's minimum level. */
export const logLevels = defineTool({
  name: 'log_levels',
  title: 'Log at every level',
  description: 'Sends one log message at each of the eight levels, least severe first.',
  scopes: ['documents:read'],
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({}),
  run: (_input, context) => {
    for (const level of LOG_LEVELS) context.log(level, `A message at level ${level}`);
    return `Logged at ${LOG_LEVELS.length} levels: ${LOG_LEVELS.join(', ')}.`;
  },
});
