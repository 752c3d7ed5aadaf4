/**
 * Where a statement goes once the rules have spoken, and what it is refused for. Pure: it looks at a session and changes
 * nothing, so that EXPLAIN ROUTE asks the same code as a session does.
 */
import type { MysqlVariables } from '../../runtime/variables.ts';
import { Capability } from '../protocol/capabilities.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import type { Decision } from '../rules/decision.ts';
import { SessionEffect, type StatementFacts } from '../sql/facts.ts';
import { type SetReach, setReach } from '../sql/set-reach.ts';
import type { Leases } from './leases.ts';
import type { Statement } from './statement.ts';

/** What of a session counts. */
export interface DestinationView {
  readonly user: { readonly transactionPersistent: boolean; readonly defaultHostgroup: number };
  readonly leases: Pick<Leases, 'inTransaction' | 'find' | 'lastHostgroup' | 'pinnedBy'>;
  /** The hostgroup whose connection has state that every statement may depend on and nobody can repeat; -1: none. */
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
  // State that only one connection has comes before what a rule wants: elsewhere the answer would be a wrong one.
  if (view.lockedHostgroup >= 0) return view.lockedHostgroup;
  const home = view.leases.pinnedBy(FOLLOWED_BY_ALL) ?? view.leases.pinnedBy(followedPins(facts.effects));
  if (home !== undefined) return home.home.hostgroup;
  if (decision.destinationHostgroup >= 0) return decision.destinationHostgroup;
  return view.user.defaultHostgroup;
}

/** What changes the meaning of any statement: a table's name may be that of a temporary one, a lock forbids others. */
const FOLLOWED_BY_ALL = SessionEffect.TEMPORARY_TABLE | SessionEffect.LOCK_TABLES | SessionEffect.XA;

/** Whatever may have set user variables. */
const SETS_USER_VARIABLES =
  SessionEffect.USER_VARIABLE | SessionEffect.CALL | SessionEffect.SQL_PREPARE | SessionEffect.OPAQUE;

/** Effects that mean the same on the statement and as a pin: what one statement left, the next one of its kind needs. */
const FOLLOWED_BY_LIKE =
  SessionEffect.SQL_PREPARE | SessionEffect.GET_LOCK | SessionEffect.HANDLER | SessionEffect.SEQUENCE;

/** The pins of the connection on which a statement with these effects has to run, if there is one. */
function followedPins(effects: number): number {
  let pins = effects & FOLLOWED_BY_LIKE;
  if ((effects & SessionEffect.USER_VARIABLE) !== 0) pins |= SETS_USER_VARIABLES;
  if ((effects & SessionEffect.RELEASE_LOCKS) !== 0) pins |= SessionEffect.GET_LOCK;
  return pins;
}

/**
 * A SET that can be neither mirrored nor said again elsewhere: the session stays in its hostgroup from then on. Source:
 * set_query_lock_on_hostgroup, which in ProxySQL refuses statements for other hostgroups instead of serving them there.
 */
export function locksSession(
  variables: Pick<MysqlVariables, 'setQueryLockOnHostgroup'>,
  view: DestinationView,
  decision: Decision,
  facts: StatementFacts,
  reach: SetReach,
): boolean {
  if ((facts.effects & SessionEffect.SESSION_VARIABLE) === 0 || view.lockedHostgroup >= 0) return false;
  return variables.setQueryLockOnHostgroup === 1 && decision.multiplex < 0 && reach === 'bound';
}

/** How far the SETs in a statement reach; what is not one plain SET as text is not looked into. */
export function reachOf({ command, facts }: Pick<Statement, 'command' | 'facts'>, text: () => string): SetReach {
  if ((facts.effects & SessionEffect.SESSION_VARIABLE) === 0) return 'nothing';
  return command === 'query' && facts.kind === 'set' && !facts.multiStatement ? setReach(text()) : 'bound';
}

/**
 * What the client is told instead of an answer of a server: an error, or 'ok' with the rule's OK_msg. An empty statement
 * that is not `blank` holds a comment, and is the server's to refuse.
 */
export function refusalOf(
  view: DestinationView,
  decision: Decision,
  facts: StatementFacts,
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
  return undefined;
}
