/** `npm run docs:clients`: writes `docs/clients.md` and the clients' files of this repository. */
import { writeFileSync } from 'node:fs';
import { generatedFiles } from './connect/page.js';

for (const [path, text] of generatedFiles()) writeFileSync(new URL(`../${path}`, import.meta.url), text);
