/** Reads a classic stream line by line, as the lines come. */
import { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** The messages of the stream, each as soon as its line is complete. */
export async function* readStream(url: string | URL, signal?: AbortSignal): AsyncGenerator<string> {
  const response = await fetch(url, { headers: { Accept: 'text/event-stream' }, ...(signal && { signal }) });
  if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
    if (line.startsWith('data: ')) yield line.slice('data: '.length);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const url = process.argv[2] ?? 'http://127.0.0.1:3001/stream';
  const started = performance.now();
  for await (const message of readStream(url)) {
    process.stdout.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${message}\n`);
  }
}
