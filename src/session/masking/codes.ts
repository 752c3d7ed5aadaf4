/**
 * Refusals that come from what stands around the judge, with codes of their own behind the judge's (verdict.ts): the
 * session, the catalog, the answer on its way back. docs/MASKING.md explains each.
 */
import { errors, type ProtocolError } from '../../protocol/errors.ts';

export const GuardReason = {
  /** What came back is not what was planned; nothing of it reaches the client. */
  RESULT: 'SLUICE-M40',
  /** The user's policy is `deny`. */
  DENIED: 'SLUICE-M41',
  /** The catalog of the servers is not known, or they differ. */
  CATALOG: 'SLUICE-M42',
  /** What the server's session means by a text is not known. */
  SESSION: 'SLUICE-M43',
  /** The diagnostics belong to a statement that touched protected columns. */
  DIAGNOSTICS: 'SLUICE-M44',
  /** A command of the protocol that is no statement. */
  COMMAND: 'SLUICE-M45',
  /** Results come in a character set in which names cannot be read. */
  CHARSET: 'SLUICE-M46',
  /** A cursor that was opened before the user was masked. */
  CURSOR: 'SLUICE-M47',
  /** Several statements whose results cannot be told apart. */
  RESULTS: 'SLUICE-M48',
} as const;
export type GuardReason = (typeof GuardReason)[keyof typeof GuardReason];

/** @param why a sentence without its end, e.g. `the servers' catalog is not known yet` */
export function guardError(code: GuardReason, why: string): ProtocolError {
  return errors.notAllowed(`Protected columns may be touched: ${why} (${code})`);
}
