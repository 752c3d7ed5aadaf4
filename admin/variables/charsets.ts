/**
 * The three questions variables ask about character sets, put to the protocol's table of collations.
 */
import { collationByName as findCollation, defaultCollationOf as findDefault } from '../../src/protocol/charsets.ts';

export function isCharset(name: string): boolean {
  return findDefault(name) !== undefined;
}

/** The name of the collation a charset has when none is said. */
export function defaultCollationOf(charset: string): string | undefined {
  return findDefault(charset)?.name;
}

/** The charset a collation belongs to; undefined when there is no such collation. */
export function charsetOfCollation(name: string): string | undefined {
  return findCollation(name)?.charset;
}
