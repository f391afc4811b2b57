/**
 * Every value that a request gives a header, line by line. `req.headers` keeps only the first of several lines, or joins
 * them; a proxy in front may have read another one.
 *
 * @param rawHeaders names and values in turn, as `IncomingMessage.rawHeaders`
 * @param name in lower case
 */
export function headerLines(rawHeaders: readonly string[], name: string): readonly string[] {
  const isNamed = (given = '') => given.length === name.length && given.toLowerCase() === name;
  return rawHeaders.filter((_, index) => index % 2 === 1 && isNamed(rawHeaders[index - 1]));
}
