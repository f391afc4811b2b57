/** The name of this clone, from package.json. Code and tests import it; `npm run rename` writes it into texts. */
import { readFileSync } from 'node:fs';

const MANIFEST = new URL('../package.json', import.meta.url);

export const { name: NAME } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { readonly name: string };
