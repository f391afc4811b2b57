/** Loaded first by `npm start`, `npm run dev`, `doctor` and `key`: variables from `.env`, except in production. */
import { existsSync } from 'node:fs';

// Not Node's --env-file-if-exists: 20.19 has none. A variable that is set already stays as it is.
if (process.env.NODE_ENV !== 'production' && existsSync('.env')) process.loadEnvFile();
