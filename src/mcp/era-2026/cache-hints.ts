/**
 * How long clients may keep an answer, and for whom (MCP 2026-07-28, caching).
 *
 * Lists differ with the caller's scopes, so all but discovery are `private`. They change with a deployment or with the
 * scopes of a key: a minute is a short wait for the news and spares a client the list before each call; a list that
 * is out of date grants nothing, since every call is checked again. Documents may change at any time, and nothing
 * tells us: what shows them is stale at once.
 */
export const CACHE_HINTS = {
  'server/discover': { ttlMs: 600_000, cacheScope: 'public' },
  'tools/list': { ttlMs: 60_000, cacheScope: 'private' },
  'prompts/list': { ttlMs: 60_000, cacheScope: 'private' },
  'resources/templates/list': { ttlMs: 60_000, cacheScope: 'private' },
  'resources/list': { ttlMs: 0, cacheScope: 'private' },
  'resources/read': { ttlMs: 0, cacheScope: 'private' },
} as const;
