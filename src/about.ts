/** How your server introduces itself to clients. Its name and version come from `package.json`. */
import type { About } from './server/index.js';

export const about: About = {
  title: 'MCP server template',
  description: 'A security-hardened MCP server',
};
