/** START HERE: passes your definitions and settings to the server. `server/README.md` follows a request through it. */
import { about } from './about.js';
import { prompts } from './prompts/index.js';
import { resources } from './resources/index.js';
import { apps, startServer, tasks } from './server/index.js';
import { openServices } from './services.js';
import { settings } from './settings.js';
import { tools } from './tools/index.js';

await startServer({ about, settings, openServices, tools, resources, prompts, extensions: [apps, tasks] });
