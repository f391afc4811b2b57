/** `npm run docs:clients`: writes `docs/clients.md` and the clients' files of this repository. */
import { writeFileSync } from 'node:fs';
import { generatedFiles } from './connect/page.js';
import { onlyHelp } from './only-help.js';

onlyHelp('npm run docs:clients\n\nWrites docs/clients.md, server.json and the mcp.json files of editors.\n');

for (const [path, text] of generatedFiles()) writeFileSync(new URL(`../${path}`, import.meta.url), text);
