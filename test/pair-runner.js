import { default as TestRunner } from 'jest-runner';

/** Jest's own runner with two files at a time: they wait for processes, and leave most of two cores idle. */
export default class PairRunner extends TestRunner {
  constructor(globalConfig, context) {
    super({ ...globalConfig, maxWorkers: Math.min(2, globalConfig.maxWorkers) }, context);
  }
}
