/** Your own settings: a zod object merged into the configuration. Same errors, doctor, `.env.example` and `_FILE` form. */
import { z } from 'zod';

export const toolSettings = z.object({
  FILES_ROOT: z
    .string()
    .min(1)
    .default('examples/documents')
    .describe('Folder of documents that the sample tools may read'),
});

type Settings = z.output<typeof toolSettings>;

declare module './server/index.js' {
  interface ToolSettings extends Settings {}
}
