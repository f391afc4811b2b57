import { defineApp } from '../server/index.js';

/** Shows `process_files` while it works. It reaches no origin: everything is in the one file. */
export const processFilesApp = defineApp({
  name: 'process_files_app',
  title: 'Process documents',
  description: 'Progress and results of process_files.',
  uri: 'ui://samples/process-files.html',
  html: new URL('process-files.html', import.meta.url),
  scopes: ['documents:read'],
  prefersBorder: true,
});
