import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const RESULTS = fileURLToPath(new URL('../node_modules/.cache/test-results.json', import.meta.url));

/** Keeps the last result of every test file, by its absolute path: clones may share `node_modules`. For `npm run evidence`. */
export default class ResultsReporter {
  onRunComplete(_contexts, { testResults }) {
    const ran = testResults.map(({ testFilePath, perfStats, testResults: tests }) => [
      testFilePath,
      {
        began: perfStats.start,
        tests: tests.map(({ ancestorTitles, title, status }) => ({
          name: [...ancestorTitles, title],
          status,
        })),
      },
    ]);
    const all = { ...readResults(), ...Object.fromEntries(ran) };
    const present = Object.entries(all).filter(([path]) => existsSync(path));
    const whole = `${RESULTS}.${process.pid}`;
    mkdirSync(dirname(RESULTS), { recursive: true });
    writeFileSync(whole, JSON.stringify(Object.fromEntries(present)));
    renameSync(whole, RESULTS);
  }
}

function readResults() {
  return existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {};
}
