/** Values for your own required settings (`src/settings.ts`), with which the tests start the server. */
export const SETTINGS: Readonly<Record<string, string>> = {};
