/**
 * Whether a statement may show the value that a system variable has in its session. It only looks at the text, and what
 * reads variables by other ways (a procedure, a view of information_schema) it does not see.
 */

/** Longer texts are not to be looked at. */
export const SHOWN_TEXT_LENGTH_MAX = 4096;

const OF_ALL_SESSIONS = /^\s*SHOW\s+GLOBAL\b.*|@@(?:GLOBAL|PERSIST)\s*\.\s*\w+/gis;
const SHOW_VARIABLES = /^\s*SHOW\s+(?:(?:SESSION|LOCAL)\s+)?VARIABLES\b\s*(?:LIKE\s*(?:'([^']*)'|"([^"]*)"))?/i;

/**
 * @param text at most SHOWN_TEXT_LENGTH_MAX long
 * @param variable its name in small letters
 */
export function mayShow(text: string, variable: string): boolean {
  const bare = text.replace(OF_ALL_SESSIONS, '');
  if (bare.toLowerCase().includes(variable)) return true;
  const [show, single, double] = SHOW_VARIABLES.exec(bare) ?? [];
  const pattern = single ?? double;
  return show !== undefined && (pattern === undefined || isLike(variable, pattern.toLowerCase()));
}

/** LIKE as servers have it: `%`, `_`, and a backslash in front of what is meant literally. Takes time linear in the pattern. */
function isLike(value: string, pattern: string): boolean {
  // For each beginning of the value: does the part of the pattern that was read match it?
  let matches = [true, ...Array.from(value, () => false)];
  for (let at = 0; at < pattern.length; at += 1) {
    const escaped = pattern[at] === '\\' && at + 1 < pattern.length;
    if (escaped) at += 1;
    const sign = pattern[at];
    if (sign === '%' && !escaped) {
      const from = matches.indexOf(true);
      if (from < 0) return false;
      matches = matches.map((_, end) => end >= from);
    } else {
      const any = sign === '_' && !escaped;
      matches = matches.map((_, end) => end > 0 && matches[end - 1] === true && (any || value[end - 1] === sign));
    }
  }
  return matches.at(-1) === true;
}
