/**
 * May this statement run on a connection that other sessions' statements are under way on? Only when nobody could tell:
 * it reads nothing of the server's session but what all of them have in common, leaves nothing behind, may run twice,
 * and has been quick. Everything else gets a connection of its own, and is counted by its reason.
 */
import type { Counters } from '../observe/counters.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { slotOf } from './decide.ts';
import type { Pace } from './digest-pace.ts';
import type { RunOwner } from './run/run-owner.ts';
import type { Statement } from './statement.ts';

/** Flags in the payload of COM_STMT_EXECUTE: a cursor. */
const EXECUTE_FLAGS_AT = HEADER_BYTES + 5;

/** Longer statements are no quick ones, and hold up those behind them on the way to the server. */
export const sharedFrameBytesMax = 4 * 1024;

type NotPipelined = {
  [Name in keyof Counters]: Name extends `Sluice_pipelining_not_${string}` ? Name : never;
}[keyof Counters];

const BY_PACE: Readonly<Record<Exclude<Pace, 'quick'>, NotPipelined>> = {
  unknown: 'Sluice_pipelining_not_known',
  slow: 'Sluice_pipelining_not_quick',
  penalty: 'Sluice_pipelining_not_quiet',
};

/** The counter of the reason why the statement may not share; undefined when it may. */
export function whyNotShared(owner: RunOwner, statement: Statement): NotPipelined | undefined {
  if (!owner.pipelining) return 'Sluice_pipelining_not_enabled';
  const { decision, facts, prepared } = statement;
  if (!decision.pipelining) return 'Sluice_pipelining_not_by_rule';
  if (!facts.pureRead || statement.command === 'prepare') return 'Sluice_pipelining_not_a_read';
  if (prepared !== undefined && !sharesPrepared(statement)) return 'Sluice_pipelining_not_a_read';
  // An answer that is masked takes longer than it should hold others up.
  if (statement.masked === true) return 'Sluice_pipelining_not_by_rule';
  if (
    decision.multiplex === 0 ||
    decision.timeoutMs > 0 ||
    decision.createNewConnection ||
    decision.gtidFromHostgroup >= 0 ||
    decision.asOf !== undefined
  )
    return 'Sluice_pipelining_not_by_rule';
  if (statement.frame.length > sharedFrameBytesMax) return 'Sluice_pipelining_not_quick';
  if (!owner.sharesNothing) return 'Sluice_pipelining_not_free';
  const pace = slotOf(statement.entry).pace.pace();
  return pace === 'quick' ? undefined : BY_PACE[pace];
}

function sharesPrepared({ prepared, frame }: Statement): boolean {
  if (prepared === undefined) return true;
  if (prepared.longData.length > 0) return false;
  return frame[EXECUTE_FLAGS_AT] === 0;
}
