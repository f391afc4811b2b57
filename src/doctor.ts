/** Reports what a start with this environment would do: `npm run doctor`, or `node dist/doctor.js` after a build. */
import { runDoctor } from './server/commands/doctor.js';
import { openServices } from './services.js';
import { settings } from './settings.js';
import { tools } from './tools/index.js';

await runDoctor({ settings, openServices, tools });
