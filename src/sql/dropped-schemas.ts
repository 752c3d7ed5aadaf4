/** The schemas that DROP DATABASE statements in a text name. It does not know whether they were there. */

/** White space, or a comment that every server skips. */
const GAP = String.raw`(?:\s|/\*(?![!+M])[^*]*\*+(?:[^/*][^*]*\*+)*/)`;
const DROP_SCHEMA = `DROP${GAP}+(?:DATABASE|SCHEMA)${GAP}+(?:IF${GAP}+EXISTS${GAP}+)?(?:\`((?:[^\`]|\`\`)+)\`|([^\\s\`;/#(),@=]+))`;
const DROP = new RegExp(`\\b${DROP_SCHEMA}`, 'gi');
const SOLE_DROP = new RegExp(`^${GAP}*${DROP_SCHEMA}(?:${GAP}*;)?${GAP}*$`, 'i');

/** Of a text whose facts say that it drops schemas; of several statements all. */
export function droppedSchemas(text: string): string[] {
  return [...text.matchAll(DROP)].map(nameOf);
}

/** The schema of a text that is one such statement and nothing else; undefined for all others. */
export function soleDroppedSchema(text: string): string | undefined {
  const match = SOLE_DROP.exec(text);
  return match === null ? undefined : nameOf(match);
}

function nameOf([, quoted, plain = '']: RegExpExecArray): string {
  return quoted?.replaceAll('``', '`') ?? plain;
}
