/** Says why this configuration accepts or refuses a token: `npm run token -- inspect`, or `node dist/token.js inspect` after a build. */
import { runToken } from './server/commands/token.js';
import { settings } from './settings.js';
import { tools } from './tools/index.js';

await runToken({ settings, tools });
