import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Tests run as native ES modules; swc only strips the types, `npm run types` checks them. */
const common = {
  testEnvironment: 'node',
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/examples/console/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
};

/** Their promises have deadlines, or they start many processes: two run at a time, when the others are done. */
const IN_PAIRS = [
  '<rootDir>/test/replicas/',
  '<rootDir>/test/server/stores/redis',
  '<rootDir>/test/server/grants/replicas',
  '<rootDir>/test/deploy/ingress',
];

/** They call the sample tools in processes of the server, which has none once `npm run new -- --remove-samples` ran. */
const WITH_SAMPLES = [
  '<rootDir>/test/deploy/compose-services',
  '<rootDir>/test/deploy/image',
  '<rootDir>/test/deploy/ingress',
  '<rootDir>/test/docs/requests',
  '<rootDir>/test/replicas/',
  '<rootDir>/test/server/observe/telemetry-traces',
];
const hasSamples = existsSync(new URL('src/samples', import.meta.url));
const IGNORED = ['/node_modules/', '<rootDir>/test/conformance/', ...(hasSamples ? [] : WITH_SAMPLES)];

export default {
  testTimeout: 20_000, // some tests start processes, while every core runs other tests
  reporters: ['default', '<rootDir>/test/results-reporter.js'],
  maxWorkers: Math.ceil(availableParallelism() * 1.5), // many tests wait for a process or for a promise to run out
  projects: [
    {
      ...common,
      displayName: 'side by side',
      testMatch: ['<rootDir>/test/**/*.test.ts', '<rootDir>/examples/console/test/*.test.ts'],
      testPathIgnorePatterns: [...IGNORED, ...IN_PAIRS],
    },
    {
      ...common,
      displayName: 'in pairs',
      runner: '<rootDir>/test/pair-runner.js',
      testMatch: IN_PAIRS.map((part) => `${part}*.test.ts`),
      testPathIgnorePatterns: IGNORED,
    },
  ],
};
