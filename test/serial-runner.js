import { default as TestRunner } from 'jest-runner';

/** Jest's own runner, one test file after the other in one process. */
export default class SerialRunner extends TestRunner {
  isSerial = true;
}
