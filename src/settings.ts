/** Your own settings: a zod object that the configuration includes. The doctor, `.env.example` and `NAME_FILE` cover them. */
import { z } from 'zod';

export const settings = z.object({
  FILES_ROOT: z
    .string()
    .min(1)
    .default(`${import.meta.dirname}/../examples/documents`)
    .meta({
      description: 'Folder of documents that the sample tools may read',
      default: 'examples/documents of the package',
    }),
});

type Values = z.output<typeof settings>;

declare module './server/index.js' {
  interface Settings extends Values {}
}
