/** The schemas that DROP DATABASE statements in a text name. It does not know whether they were there. */

/** White space, or a comment that every server skips. */
const GAP = String.raw`(?:\s|/\*(?![!+M])[^*]*\*+(?:[^/*][^*]*\*+)*/)`;
const DROP = new RegExp(
  `\\bDROP${GAP}+(?:DATABASE|SCHEMA)${GAP}+(?:IF${GAP}+EXISTS${GAP}+)?(?:\`((?:[^\`]|\`\`)+)\`|([^\\s\`;/#(),@=]+))`,
  'gi',
);

/** Of a text whose facts say that it drops schemas; of several statements all. */
export function droppedSchemas(text: string): string[] {
  return [...text.matchAll(DROP)].map(([, quoted, plain = '']) => quoted?.replaceAll('``', '`') ?? plain);
}
