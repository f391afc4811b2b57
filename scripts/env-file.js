/** Loaded first by `npm start`, `npm run dev`, `doctor` and `key`: variables from `.env`, except in production. */
import { existsSync } from 'node:fs';

// Node 20.19 lacks --env-file-if-exists. A variable that is already set keeps its value.
if (process.env.NODE_ENV !== 'production' && existsSync('.env')) process.loadEnvFile();
