/** Two pages, no inline code: the policy of `server.ts` would not run it. */
export default {
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // a data: URL would need its own exception
    rolldownOptions: { input: ['index.html', 'callback.html'] },
  },
  oxc: { jsx: { runtime: 'automatic' } },
};
