/** `npm start` and `npm run stdio` build first: says what to do when that fails. */
import { accessSync, constants } from 'node:fs';

try {
  accessSync('.', constants.W_OK);
} catch {
  process.stderr.write(
    'This folder is read-only: build elsewhere, then run node dist/main.js (or dist/stdio.js).\n',
  );
}
process.exitCode = 1;
