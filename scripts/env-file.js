/** Loaded before the server by `npm start` and `npm run dev`: variables from `.env`, except in production. */
import { existsSync } from 'node:fs';

// Not Node's --env-file-if-exists: 20.19 has none. A variable that is set already stays as it is.
if (process.env.NODE_ENV !== 'production' && existsSync('.env')) process.loadEnvFile();
