/** The audit against what clients saw: one decision for each request, of the status that its client got. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Sent } from './ledger.js';

interface Line {
  readonly stage: string;
  readonly requestId: string;
  readonly clientRequestId?: string;
  readonly 'client.address'?: string;
  readonly 'http.status'?: number;
  readonly reason?: string;
}

export interface Matched {
  readonly decisions: number;
  readonly answers: number;
  /** Answers with the result of a tool. */
  readonly results: number;
  /** Decisions on requests whose clients had gone. */
  readonly unseen: number;
  readonly problems: readonly string[];
}

/** Bytes that are no request. */
export const RAW = 'raw';
const ENDS = ['completed', 'stream-close'];

export async function matchAudit(sent: readonly Sent[], files: readonly string[]): Promise<Matched> {
  const decisions = new Map<string, Line[]>();
  const received = new Set<string>();
  for (const file of files) {
    for await (const line of linesOf(file)) {
      if (line.stage === 'received') received.add(line.requestId);
      // A task that ends has a record of its own, which is of no request.
      if (!ENDS.includes(line.stage) || line['client.address'] === undefined) continue;
      decisions.set(line.requestId, [...(decisions.get(line.requestId) ?? []), line]);
    }
  }
  return { ...match(sent, decisions, received), decisions: decisions.size };
}

function match(
  sent: readonly Sent[],
  decisions: ReadonlyMap<string, readonly Line[]>,
  received: ReadonlySet<string>,
): Omit<Matched, 'decisions'> {
  const problems: string[] = [];
  const answered = sent.filter(({ requestId }) => requestId !== undefined);
  const results = answered.filter(({ what, hasResult }) => what === 'tools/call' && hasResult);
  for (const { requestId = '', what, status } of answered) {
    const those = decisions.get(requestId) ?? [];
    const name = `${what}, answered with ${status}, request ${requestId}`;
    if (those.length !== 1) problems.push(`${name}: ${those.length} decisions`);
    else if (those[0]?.['http.status'] !== status)
      problems.push(`${name}: the audit has ${those[0]?.['http.status']}`);
  }
  for (const { requestId = '' } of results) {
    if (!received.has(requestId)) problems.push(`request ${requestId}: a tool answered without a record`);
  }
  const seen = new Set(answered.map(({ requestId }) => requestId));
  const unseen = [...decisions.values()].flat().filter(({ requestId }) => !seen.has(requestId));
  problems.push(...matchUnseen(unseen, sent));
  return { answers: answered.length, results: results.length, unseen: unseen.length, problems };
}

/** Decisions on requests whose clients had gone: of each at most one. Of bytes that are no request, Node reads no id. */
function matchUnseen(unseen: readonly Line[], sent: readonly Sent[]): string[] {
  const left = new Set(sent.filter(({ requestId }) => requestId === undefined).map(({ id }) => id));
  const raw = sent.filter(({ what, requestId }) => what === RAW && requestId === undefined);
  let nameless = raw.length;
  return unseen.flatMap(({ requestId, clientRequestId, reason }) => {
    const isSent =
      clientRequestId === undefined
        ? reason === 'malformed_request' && nameless-- > 0
        : left.delete(clientRequestId);
    return isSent ? [] : [`request ${requestId}: nobody sent it, or it has two decisions`];
  });
}

/** Without what a full disk cut off: that record is there a second time, whole. */
async function* linesOf(file: string): AsyncGenerator<Line> {
  for await (const text of createInterface({ input: createReadStream(file) })) {
    try {
      yield JSON.parse(text) as Line;
    } catch {} // `npm run audit -- verify` counts torn lines
  }
}
