/** Your own settings (`src/settings.ts`), for commands that start the server in a clean environment. */
import './env-file.js';
import { settings } from '../src/settings.js';

/** Those that are set in the environment or in `.env`. */
export function ownSettings(): Readonly<Record<string, string>> {
  const names = Object.keys(settings.shape).flatMap((name) => [name, `${name}_FILE`]);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
