/** Removes credentials from a client's text in audit, log and traces. */

export const REDACTED = '[redacted]';

/** API keys (also those cut short or with a wrong checksum), JWTs (whole, or cut in their payload), bearer credentials. */
const SECRET_TEXT =
  /mcp(?:_|%5f)[0-9A-Za-z]+(?:_|%5f)[0-9A-Za-z]+(?:_|%5f)[0-9A-Za-z]{8,}|ey[AJ][\w-]+\.[\w-]+(?:\.[\w-]*)?|\bBearer(?: |%20)[\w.~+/-]{8,}=*/gi;

/** A quick test first: most text contains no secret. */
const MAY_HOLD_SECRET = /mcp(?:_|%5f)|ey[aj]|bearer/i;

export function redact(text: string): string {
  return MAY_HOLD_SECRET.test(text) ? text.replace(SECRET_TEXT, REDACTED) : text;
}

/** Text whose percent-encoding hides a credential is replaced as a whole. */
export function redactEncoded(text: string): string {
  const shown = redact(text);
  if (!text.includes('%')) return shown;
  const decoded = decode(text);
  return redact(decoded) === decoded ? shown : REDACTED;
}

/** Decodes each escape separately, because `decodeURIComponent` throws at a broken one. */
function decode(text: string): string {
  return text.replace(/%([0-7][\da-f])/gi, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
