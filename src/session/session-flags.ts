/** The status flags of answers that the proxy gives itself: what the session's own server would say. */
import type { BackendConnection } from '../backend/backend-connection.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import { SessionEffect } from '../sql/facts.ts';
import type { Session } from './session.ts';

/** @param failedOn where the last statement failed: ProxySQL then takes a transaction for open */
export function sessionFlags(session: Session, failedOn: BackendConnection | undefined): number {
  // By this flag clients know how to quote: what they put in '…' must not end it.
  const quoting = /no_backslash_escapes/i.test(session.state.variables.get('sql_mode') ?? '')
    ? StatusFlag.NO_BACKSLASH_ESCAPES
    : 0;
  if (!session.runtime.sluice.strict && (failedOn?.pins ?? 0) !== 0)
    return quoting | StatusFlag.IN_TRANS | StatusFlag.AUTOCOMMIT;
  return quoting | transactionFlags(session);
}

function transactionFlags({ leases, lockedHostgroup, state }: Session): number {
  const transaction = leases.inTransaction();
  const inTransaction =
    transaction === undefined ? 0 : StatusFlag.IN_TRANS | (transaction.statusFlags & StatusFlag.IN_TRANS_READONLY);
  // What nobody mirrors (a prepared SET, one of several) is as the connection has it.
  const locked = lockedHostgroup < 0 ? leases.pinnedBy(SessionEffect.SESSION_VARIABLE) : leases.find(lockedHostgroup);
  if (locked !== undefined && locked.state.variables.get('autocommit') === state.variables.get('autocommit')) {
    return (locked.statusFlags & StatusFlag.AUTOCOMMIT) | inTransaction;
  }
  return (state.variables.get('autocommit') === '0' ? 0 : StatusFlag.AUTOCOMMIT) | inTransaction;
}
