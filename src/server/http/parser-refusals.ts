import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Request } from 'express';
import type { Audit } from '../observe/audit.js';
import { RefusedRequest } from '../refusal.js';
import { auditedPath } from '../layers/request-path.js';

export interface ParserRefusalsOptions {
  readonly audit: Pick<Audit, 'trail' | 'accepting'>;
  readonly clientAddress: (req: Pick<IncomingMessage, 'socket' | 'headers'>) => string;
}

/** How long a refused client may take to read the answer. */
const LINGER_MS = 1000;

/** Answers what Node would refuse before any layer runs: with the JSON of any refusal, and one audit record. */
export function answerParserRefusals(server: Server, { audit, clientAddress }: ParserRefusalsOptions): void {
  const inProgress = responsesInProgress(server);
  const refused = new WeakSet<Duplex>();

  /** @param req what was parsed; empty after a parser error */
  function refuse(req: Partial<IncomingMessage>, connection: Duplex, refusal: RefusedRequest): void {
    const socket = connection as Socket;
    const requestId = randomUUID();
    const body = JSON.stringify(refusal.toBody(requestId));
    const facts = {
      'client.address': clientAddress({ socket, headers: req.headers ?? {} }),
      ...(req.method !== undefined && { 'http.method': req.method }),
      ...(req.url !== undefined && { 'http.path': auditedPath(req.url) }),
      ...refusal.facts,
    };
    audit.trail(requestId, facts, audit.accepting()).end({
      'http.status': refusal.status,
      durationMs: 0,
      bytesIn: 0,
      bytesOut: Buffer.byteLength(body),
    });
    // The client of an earlier, unanswered request would mistake this answer for its own.
    if (inProgress(socket)) socket.destroy();
    else endAndDestroy(socket, rawAnswer(refusal.status, requestId, body));
  }

  const malformed = (reason: string, status = 400) =>
    new RefusedRequest('malformed_request', { status, detail: { reason } });
  server.on('checkExpectation', (req, _res) => refuse(req, req.socket, malformed('expectation', 417)));
  server.on('connect', (req, socket) => refuse(req, socket, malformed('connect')));
  server.on('clientError', ({ code = '' }: NodeJS.ErrnoException, socket) => {
    // Later errors on the connection come from the rest of the same bytes.
    if (refused.has(socket)) return;
    refused.add(socket);
    const status = statusOf(code);
    const response = inProgress(socket);
    // Garbage follows a complete request. That request is being handled, so we must not answer in its place.
    if (status === undefined || !socket.writable || response?.req.complete) socket.destroy();
    else if (response?.headersSent) endRefused(response);
    else if (response) answerInProgress(response, malformed(code, status));
    else refuse({}, socket, malformed(code, status));
  });
}

/** The status for a parser error; none for a reset connection or a failed TLS handshake. */
function statusOf(code: string): number | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  return code.startsWith('HPE_') ? 400 : undefined;
}

/** Finds the open response of a connection; its request has its own audit record. */
function responsesInProgress(server: Server): (socket: Duplex) => ServerResponse | undefined {
  const latest = new WeakMap<Duplex, ServerResponse>();
  const remember = (req: IncomingMessage, res: ServerResponse) => void latest.set(req.socket, res);
  server.prependListener('request', remember).prependListener('checkContinue', remember);
  return (socket) => {
    const response = latest.get(socket);
    return response?.closed ? undefined : response;
  };
}

/** For a body that broke off while a layer read it: answers under the id of its request. */
function answerInProgress(res: ServerResponse, refusal: RefusedRequest): void {
  const { requestId, audit } = res.req as Request;
  audit.note(refusal.facts);
  const body = JSON.stringify(refusal.toBody(requestId));
  res.writeHead(refusal.status, headersFor(body)).end(body);
}

/** For a body that broke off after a layer refused it: the client still gets to read why. */
function endRefused(res: ServerResponse): void {
  const { socket } = res.req;
  res.end();
  endAndDestroy(socket);
}

function rawAnswer(status: number, requestId: string, body: string): string {
  const own = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'X-Request-Id': requestId };
  const headers = Object.entries({ ...headersFor(body), ...own });
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers.map((header) => header.join(': '))];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function headersFor(body: string) {
  const length = Buffer.byteLength(body);
  return { Connection: 'close', 'Content-Type': 'application/json', 'Content-Length': length };
}

function endAndDestroy(socket: Socket, answer = ''): void {
  // After `connect` Node has no listener left: an unhandled error would end the process.
  socket.on('error', () => socket.destroy());
  socket.end(answer);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
