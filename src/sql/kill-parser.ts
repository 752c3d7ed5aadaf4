/**
 * KILL as clients write it, with a session id of the proxy. It kills nothing.
 */

export interface KillStatement {
  /** QUERY ends the running statement only. */
  readonly target: 'connection' | 'query';
  /** A session id as the proxy gave it at login; 'own': the session that says it, by CONNECTION_ID(). */
  readonly id: number | 'own';
}

const GAP = String.raw`(?:\s|/\*(?![!+M])[^*]*\*+(?:[^/*][^*]*\*+)*/)`;
const ID = String.raw`(?:(\d{1,20})|CONNECTION_ID${GAP}*\(${GAP}*\))`;
const KILL = new RegExp(`^${GAP}*KILL${GAP}+(?:(CONNECTION|QUERY)${GAP}+)?${ID}${GAP}*(?:;${GAP}*)*$`, 'i');

/** Longer texts are no KILL of this form. */
export const KILL_TEXT_LENGTH_MAX = 4096;

/** Parses `KILL [CONNECTION | QUERY] { id | CONNECTION_ID() }`; undefined for other forms, such as MariaDB's KILL USER. */
export function parseKill(text: string): KillStatement | undefined {
  if (text.length > KILL_TEXT_LENGTH_MAX) return undefined;
  const match = KILL.exec(text);
  if (match === null) return undefined;
  return {
    target: match[1]?.toUpperCase() === 'QUERY' ? 'query' : 'connection',
    id: match[2] === undefined ? 'own' : Number(match[2]),
  };
}
