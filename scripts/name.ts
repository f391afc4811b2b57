/** The name of this clone, kept in package.json alone: code and tests ask for it here, texts get it by `npm run rename`. */
import { readFileSync } from 'node:fs';

const MANIFEST = new URL('../package.json', import.meta.url);

export const { name: NAME } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { readonly name: string };
