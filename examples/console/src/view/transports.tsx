import { useState } from 'react';
import { readLines } from '../wire/event-stream.js';
import { callOverSse } from '../wire/http-sse.js';
import { type Message, send } from '../wire/json-rpc.js';
import { openSession } from '../wire/streamable-http.js';

interface TransportsProps {
  readonly url: string;
  readonly credential: string;
  readonly classicUrl: string | undefined;
}

/** What was read, and how many milliseconds after the start. */
type Line = readonly [ms: number, text: string];
type Tell = (text: string) => void;

/** It says something while it works. */
export const COMPARED = {
  name: 'process_files',
  arguments: { paths: ['.'] },
  _meta: { progressToken: 'compare' },
};

export function Transports({ url, credential, classicUrl }: TransportsProps) {
  const sseUrl = new URL('/sse', url).href;
  const [lines, setLines] = useState<readonly (readonly Line[])[]>([[], [], []]);
  const [isBusy, setIsBusy] = useState(false);

  const compare = () => {
    const start = performance.now();
    setLines([[], [], []]);
    setIsBusy(true);
    const tellIn = (column: number) => (text: string) => {
      const line = [Math.round(performance.now() - start), text] as const;
      setLines((all) => all.map((one, index) => (index === column ? [...one, line] : one)));
    };
    const columns = [
      (tell: Tell) => readClassic(classicUrl, tell),
      (tell: Tell) => callOverSse(sseUrl, credential, COMPARED, (message) => tell(wordsOf(message))),
      (tell: Tell) => callStreamable(url, credential, tell),
    ];
    const runs = columns.map(async (read, column) => {
      const tell = tellIn(column);
      await read(tell).then(
        () => tell('the end'),
        (error: unknown) => tell((error as Error).message),
      );
    });
    void Promise.all(runs).finally(() => setIsBusy(false));
  };

  const names = ['Classic streaming', 'HTTP+SSE', 'Streamable HTTP'];
  return (
    <section aria-labelledby="transports">
      <h2 id="transports">Transports side by side</h2>
      <p>
        A plain stream of five messages, and <code>process_files</code> by both transports of MCP, all begun
        at once.
      </p>
      <button type="button" disabled={isBusy} onClick={compare}>
        Compare
      </button>
      <p role="status">{isBusy ? 'Reading all three' : ''}</p>
      <div className="columns">
        {names.map((name, column) => (
          <Column key={name} name={name} lines={lines[column] ?? []} />
        ))}
      </div>
    </section>
  );
}

function Column({ name, lines }: { readonly name: string; readonly lines: readonly Line[] }) {
  const [first, last] = [lines[0], lines.at(-1)];
  return (
    <section aria-label={name}>
      <h3>{name}</h3>
      <p>{first && last ? `First after ${first[0]} ms, last after ${last[0]} ms` : 'Not read yet'}</p>
      <ol tabIndex={0} aria-label={`${name}: what came, and when`}>
        {lines.map(([ms, text], index) => (
          <li key={index}>
            <span className="ms">{ms} ms</span> {text}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** No handshake, no calls, no answer: lines, as they come. */
async function readClassic(url: string | undefined, tell: Tell): Promise<void> {
  if (url === undefined) throw new Error('Whoever serves this page named no classic stream.');
  for await (const line of readLines(await send(new URL(url, location.href).href, {})))
    if (line !== '') tell(line);
}

async function callStreamable(url: string, credential: string, tell: Tell): Promise<void> {
  const session = await openSession(url, credential);
  try {
    await session.request('tools/call', COMPARED, { onMessage: (message) => tell(wordsOf(message)) });
  } finally {
    await session.close();
  }
}

function wordsOf({ method = '', params = {} }: Message): string {
  const { progress, total = '?', level, data } = params as Partial<Said>;
  if (progress !== undefined) return `progress ${progress}/${total}`;
  return level === undefined ? method : `${level}: ${data?.message ?? ''}`;
}

/** What the notifications of `process_files` carry. */
interface Said {
  readonly progress: number;
  readonly total: number;
  readonly level: string;
  readonly data: { readonly message?: string };
}
