/**
 * The schema that a USE statement names. It does not know whether there is one.
 */

/** White space, or a comment that every server skips. */
const GAP = String.raw`(?:\s|/\*(?![!+M])[^*]*\*+(?:[^/*][^*]*\*+)*/)`;
const USE = new RegExp(
  `^${GAP}*USE(?:${GAP}+([^\\s\`;/#(),@=]+)|${GAP}*\`((?:[^\`]|\`\`)+)\`)${GAP}*;?(?:${GAP}|;)*$`,
  'i',
);

/** Longer texts are no USE: a schema has at most 64 characters, the rest is comment. */
export const USE_TEXT_LENGTH_MAX = 4096;

/**
 * The schema of `USE schema`, without back quotes; other quotes stay, as ProxySQL leaves them. undefined when the text
 * is not one USE statement and nothing else.
 */
export function parseUse(text: string): string | undefined {
  if (text.length > USE_TEXT_LENGTH_MAX) return undefined;
  const match = USE.exec(text);
  // `a--` may be `a` and the begin of a comment.
  if (match?.[1]?.includes('--') === true) return undefined;
  return match?.[1] ?? match?.[2]?.replaceAll('``', '`');
}
