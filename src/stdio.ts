/** Like `main.ts`, over stdio. The caller is the user who starts the process. */
import { about } from './about.js';
import { prompts } from './prompts/index.js';
import { resources } from './resources/index.js';
import { apps, startStdio, tasks } from './server/index.js';
import { openServices } from './services.js';
import { settings } from './settings.js';
import { tools } from './tools/index.js';

await startStdio({ about, settings, openServices, tools, resources, prompts, extensions: [apps, tasks] });
