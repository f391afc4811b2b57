/** A module of `dist/`: what is measured is what `npm run build` makes, and nothing that a loader adds to it. */
export async function built<T>(path: string): Promise<T> {
  return (await import(
    new URL(`${process.env['BENCH_DIST'] ?? '../../dist/'}${path}`, import.meta.url).href
  )) as T;
}
