/** Makes, lists, revokes and rotates API keys: `npm run key`, or `node dist/key.js` after a build. */
import { runKey } from './server/commands/key.js';

await runKey();
