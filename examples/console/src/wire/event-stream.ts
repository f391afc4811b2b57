/** Reads `text/event-stream` from a fetched response: unlike `EventSource`, a fetch can carry a credential. */

export interface StreamEvent {
  readonly type: string;
  /** What to come back with, should the stream break after this event. */
  readonly id: string | undefined;
  readonly data: string;
  /** Milliseconds that the server wants a lost client to wait. */
  readonly retryMs: number | undefined;
}

/** Throws what the network throws when the connection is lost; ends when the server ends it. */
export async function* readEvents(response: Response): AsyncGenerator<StreamEvent> {
  let fields: [name: string, value: string][] = [];
  for await (const line of readLines(response)) {
    if (line === '') {
      if (fields.length > 0) yield eventOf(fields);
      fields = [];
    } else if (!line.startsWith(':')) {
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      fields.push([name, value]);
    }
  }
}

function eventOf(fields: readonly [name: string, value: string][]): StreamEvent {
  const all = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, value]) => value);
  const retry = all('retry').at(-1);
  return {
    type: all('event').at(-1) ?? 'message',
    id: all('id').at(-1),
    data: all('data').join('\n'),
    retryMs: retry === undefined ? undefined : Number(retry),
  };
}

/** Each line as soon as it is there; what follows the last line break is not yet a line. */
export async function* readLines(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  const decoder = new TextDecoder();
  let rest = '';
  // A reader, since Safari's streams are not iterable.
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n/);
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
