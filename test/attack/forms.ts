/** A text as it is, and as whoever hides it might write it. */
export function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const percent = hex.replaceAll(/../g, (byte) => `%${byte}`);
  const escaped = hex.replaceAll(/../g, (byte) => `\\u00${byte}`);
  return [secret, hex, hex.toUpperCase(), percent, percent.toUpperCase(), escaped, ...base64Forms(bytes)];
}

/** Inside a longer text the same bytes have three spellings; what depends on their neighbours is left out. */
function base64Forms(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const known = text.slice(before === 0 ? 0 : before + 1, -4);
    return [known, known.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
