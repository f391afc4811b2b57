import type { Caller } from './identity/caller.js';
import type { WatchCredential } from './identity/standings.js';
import type { Envelope } from './mcp/envelope/message.js';
import type { AuditTrail } from './observe/audit-record.js';

/** What the layers add to a request: one line each, written once, by the layer named beside it. */
declare global {
  namespace Express {
    interface Request {
      requestId: string; // requestId
      audit: AuditTrail; // auditLog
      clientAddress: string; // auditLog (from the trusted proxies)
      caller: Caller; // authenticate
      watchCredential: WatchCredential; // authenticate
      body: unknown; // jsonBody
      argumentBytes?: Buffer; // jsonBody (`params.arguments`, as received)
      envelope: Envelope; // envelope
    }
    interface Response {
      bytesOut: number; // auditLog (of the body)
    }
  }
}
