/**
 * How far a SET that the proxy does not mirror reaches: whether the same text may be run on another server to bring a
 * session's state there. Pure; what is done about it is session/'s business.
 */

/**
 * `repeatable`: session variables get values that are the same wherever the text runs. `user-variables`: nothing but
 * user variables, which only matter to statements that name them. `nothing`: no state of the session (GLOBAL, PERSIST,
 * PASSWORD). `bound`: anything else, such as the result of a function.
 */
export type SetReach = 'repeatable' | 'user-variables' | 'nothing' | 'bound';

/** Longer texts are not looked at: they are bound to where they ran. */
export const REPEATABLE_SET_LENGTH_MAX = 4096;

/** Quoted things without a backslash, which is read in two ways. */
const QUOTED = /'[^'\\]*'|"[^"\\]*"|`[^`\\]*`/g;
/** Comments that every server skips. */
const COMMENT = /\/\*(?![!+M])[^*]*\*+(?:[^/*][^*]*\*+)*\//g;
/** What is of the next statement or transaction alone. */
const ONE_STATEMENT =
  /^TRANSACTION\b|\b(?:insert_id|last_insert_id|rand_seed\d|pseudo_thread_id)\b|@@(?:transaction|tx)_(?:isolation|read_only)\b/i;
const GLOBAL = /^(?:GLOBAL|PERSIST|PERSIST_ONLY)\s|^@@(?:GLOBAL|PERSIST|PERSIST_ONLY)\s*\./i;

/** @param text of one statement that begins with SET. */
export function setReach(text: string): SetReach {
  if (text.length > REPEATABLE_SET_LENGTH_MAX) return 'bound';
  // Only what stands outside of quotes tells; a quote that is left over is read in a way we do not know.
  const bare = text.replace(QUOTED, '?').replace(COMMENT, ' ').trim();
  if (/['"`\\#(]|--|\/\*/.test(bare)) return 'bound';
  const assignments = bare.replace(/;\s*$/, '').replace(/^SET\s+/i, '');
  if (ONE_STATEMENT.test(assignments)) return 'bound';
  if (/^PASSWORD\b/i.test(assignments) || /^DEFAULT\s+ROLE\b/i.test(assignments)) return 'nothing';
  const parts = assignments.split(',').map((part) => part.trim());
  if (parts.every((part) => GLOBAL.test(part))) return 'nothing';
  if (parts.some((part) => GLOBAL.test(part))) return 'bound';
  // What the value is made of does not matter where only user variables are set: they stay where they are.
  const user = parts.filter((part) => /^@(?!@)/.test(part));
  if (user.length === parts.length) return 'user-variables';
  return /(?:^|[^@\w])@(?!@)/.test(assignments) || /:?=.*\bSELECT\b/i.test(assignments) ? 'bound' : 'repeatable';
}
