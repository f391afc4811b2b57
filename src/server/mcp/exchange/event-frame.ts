/** A message as an event of an event stream, or as a line: text that no client splits in the middle. */
export interface StreamEvent {
  /** `message` unless said otherwise. */
  readonly type?: string;
  readonly id?: string;
  readonly data: string;
}

/** Milliseconds that a client waits before it comes back for the rest of its stream. */
const RETRY_MS = 1000;

/** Line breaks of Unicode. SSE and stdio know only CR and LF, but several client libraries split lines at these too. */
const UNICODE_LINE_BREAKS = /[\u0085\u2028\u2029]/g;

export function onOneLine(json: string): string {
  return json.replace(UNICODE_LINE_BREAKS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** `data` is JSON or a path: no CR or LF, and JSON has Unicode's line breaks within strings only. */
export function frame({ type = 'message', id, data }: StreamEvent): string {
  const kind = data === '' ? `retry: ${RETRY_MS}` : `event: ${type}`;
  return `${id === undefined ? '' : `id: ${id}\n`}${kind}\ndata: ${onOneLine(data)}\n\n`;
}
