/**
 * Where a statement goes once the rules have spoken, and what it is refused for. Pure: it looks at a session and changes
 * nothing, so that EXPLAIN ROUTE asks the same code as a session does.
 */
import type { MysqlVariables } from '../../runtime/variables.ts';
import { Capability } from '../protocol/capabilities.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import type { Decision } from '../rules/decision.ts';
import { SessionEffect, type StatementFacts } from '../sql/facts.ts';
import type { Leases } from './leases.ts';

/** What of a session counts. */
export interface DestinationView {
  readonly user: { readonly transactionPersistent: boolean; readonly defaultHostgroup: number };
  readonly leases: Pick<Leases, 'inTransaction' | 'find' | 'lastHostgroup'>;
  /** The hostgroup whose connection has session state nobody can mirror; -1 when there is none. */
  readonly lockedHostgroup: number;
  /** What the client can do, as negotiated. */
  readonly capabilities: number;
  readonly variables: Pick<MysqlVariables, 'enableLoadDataLocalInfile'>;
}

/** The hostgroup of a statement. Source: ProxySQL, surface of rules and transactions (destination, persistence). */
export function hostgroupOf(view: DestinationView, decision: Decision, facts: StatementFacts): number {
  if (view.user.transactionPersistent) {
    const connection = view.leases.inTransaction();
    if (connection !== undefined) return connection.home.hostgroup;
  }
  const asksBack = SessionEffect.WARNINGS | SessionEffect.ROW_COUNT;
  if ((facts.effects & asksBack) !== 0 && view.leases.find(view.leases.lastHostgroup) !== undefined) {
    return view.leases.lastHostgroup;
  }
  if (decision.destinationHostgroup >= 0) return decision.destinationHostgroup;
  return view.lockedHostgroup >= 0 ? view.lockedHostgroup : view.user.defaultHostgroup;
}

/** The session is bound to a hostgroup, and the statement belongs to another. */
export function isLockedOut(view: DestinationView, hostgroup: number): boolean {
  return view.lockedHostgroup >= 0 && hostgroup !== view.lockedHostgroup;
}

/** A SET that nobody can mirror binds the session to the connection that has it. Source: set_query_lock_on_hostgroup. */
export function locksSession(
  variables: Pick<MysqlVariables, 'setQueryLockOnHostgroup'>,
  view: DestinationView,
  decision: Decision,
  facts: StatementFacts,
): boolean {
  if ((facts.effects & SessionEffect.SESSION_VARIABLE) === 0 || view.lockedHostgroup >= 0) return false;
  return variables.setQueryLockOnHostgroup === 1 && decision.multiplex < 0;
}

/**
 * What the client is told instead of an answer of a server: an error, or 'ok' with the rule's OK_msg. An empty statement
 * that is not `blank` holds a comment, and is the server's to refuse.
 */
export function refusalOf(
  view: DestinationView,
  decision: Decision,
  facts: StatementFacts,
  hostgroup: number,
  blank = true,
): ProtocolError | 'ok' | undefined {
  if (decision.okMsg !== undefined) return 'ok';
  if (decision.errorMsg !== undefined) return errors.notAllowed(decision.errorMsg);
  if (facts.kind === 'empty' && blank) return errors.emptyQuery();
  if ((facts.effects & SessionEffect.LOCAL_INFILE) !== 0) {
    if (!view.variables.enableLoadDataLocalInfile) return errors.localInfileUnsupported();
    if ((view.capabilities & Capability.LOCAL_FILES) === 0) return errors.localInfileDisabled();
  }
  if (facts.multiStatement && (facts.effects & SessionEffect.SCHEMA) !== 0) {
    return errors.notAllowed('Unable to parse multi-statements command with USE statement');
  }
  if (isLockedOut(view, hostgroup)) return errors.connectionLocked(view.lockedHostgroup, hostgroup);
  return undefined;
}
