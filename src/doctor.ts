/** Reports what a start with this environment would do: `npm run doctor`, or `node dist/doctor.js` after a build. */
import { about } from './about.js';
import { prompts } from './prompts/index.js';
import { resources } from './resources/index.js';
import { runDoctor } from './server/commands/doctor.js';
import { apps, tasks } from './server/index.js';
import { openServices } from './services.js';
import { settings } from './settings.js';
import { tools } from './tools/index.js';

await runDoctor({ about, settings, openServices, tools, resources, prompts, extensions: [apps, tasks] });
