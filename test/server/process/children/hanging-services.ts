/** Over stdio, with a connection that never closes. */
import { startStdio } from '../../../../src/server/index.js';
import { noServices } from '../../mcp/no-settings.js';

await startStdio({
  about: { title: 'test' },
  tools: [],
  resources: [],
  prompts: [],
  openServices: async () => ({ ...noServices, close: () => new Promise(() => {}) }),
});
