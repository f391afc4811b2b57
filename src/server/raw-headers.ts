/**
 * Every value of a header, one per line. `req.headers` keeps the first of repeated lines or joins them, while a proxy in
 * front may act on another line than we do.
 *
 * @param rawHeaders names and values in turn, as `IncomingMessage.rawHeaders`
 * @param name in lower case
 */
export function headerLines(rawHeaders: readonly string[], name: string): readonly string[] {
  const isNamed = (given = '') => given.length === name.length && given.toLowerCase() === name;
  return rawHeaders.filter((_, index) => index % 2 === 1 && isNamed(rawHeaders[index - 1]));
}
