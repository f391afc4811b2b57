import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

/** How this server introduces itself in both eras (`serverInfo`). */
export const serverInfo = { name: manifest.name, version: manifest.version } as const;
