/** Your own settings (`src/settings.ts`), for commands that start the server with an environment of their own. */
import './env-file.js';
import { settings } from '../src/settings.js';

/** Those that the environment, or `.env`, has. */
export function ownSettings(): Readonly<Record<string, string>> {
  const names = Object.keys(settings.shape).flatMap((name) => [name, `${name}_FILE`]);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
