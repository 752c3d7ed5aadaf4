/**
 * How identifiers are compared: without regard to case, accents and compatibility forms, which is never stricter than a
 * server (tables may be case-sensitive there, columns are not, and wide tables compare with a collation). It splits no
 * text into identifiers.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is meant.
const ASCII_ONLY = /^[\x00-\x7f]*$/;

/** Equal for two identifiers that some server takes for the same. */
export function fold(name: string): string {
  // Trailing blanks never count.
  if (ASCII_ONLY.test(name)) return name.toLowerCase().replace(/ +$/, '');
  // Upper case first: ß, ſ and dotless i have no lower-case form of their own.
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toUpperCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/ +$/, '');
}
