/**
 * The backend connections a session holds: at most one per hostgroup, kept only while something of the session lives
 * on it. Decides after each answer whether a connection goes back to the pool, and knows why it does not.
 */
import { performance } from 'node:perf_hooks';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { HostgroupManager } from '../hostgroup/hostgroup-manager.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import { effectNames, SessionEffect } from '../sql/facts.ts';
import type { Clock } from '../util/clock.ts';
import type { Statement } from './statement.ts';

/** A KILL that comes too late for its statement is under way to the server: the connection's next statement would be hit. */
export const KILL_PIN = 1 << 25;
/** The connection is one client's alone, and what it says is not looked at. */
export const FAST_FORWARD_PIN = 1 << 26;
/** A prepared statement has a cursor open here. Pins above the bits of SessionEffect are the proxy's own. */
export const CURSOR_PIN = 1 << 27;
export const NO_MULTIPLEX_PIN = 1 << 28;
/** mysql-multiplexing is off: every connection stays with its session. */
export const MULTIPLEXING_OFF_PIN = 1 << 29;
/** SET TRANSACTION was sent here, and no transaction has used it up yet: it would be of the next session's. */
export const NEXT_TRANSACTION_PIN = 1 << 30;

/** Why a connection is not shared, in words, for the processlist. */
export function pinNames(pins: number): string[] {
  const names = effectNames(pins);
  if ((pins & KILL_PIN) !== 0) names.push('KILL');
  if ((pins & FAST_FORWARD_PIN) !== 0) names.push('FAST_FORWARD');
  if ((pins & CURSOR_PIN) !== 0) names.push('CURSOR');
  if ((pins & NO_MULTIPLEX_PIN) !== 0) names.push('NO_MULTIPLEX');
  if ((pins & MULTIPLEXING_OFF_PIN) !== 0) names.push('MULTIPLEXING_OFF');
  if ((pins & NEXT_TRANSACTION_PIN) !== 0) names.push('NEXT_TRANSACTION');
  return names;
}

/** Effects that stay behind on the server's session, so that the connection belongs to the client from then on. */
export const PIN_EFFECTS =
  SessionEffect.USER_VARIABLE |
  SessionEffect.TEMPORARY_TABLE |
  SessionEffect.LOCK_TABLES |
  SessionEffect.GET_LOCK |
  SessionEffect.SQL_PREPARE |
  SessionEffect.FOUND_ROWS |
  SessionEffect.SESSION_VARIABLE |
  SessionEffect.CALL |
  SessionEffect.HANDLER |
  SessionEffect.SEQUENCE |
  SessionEffect.XA |
  SessionEffect.OPAQUE;

/** The pins a statement sets on the connection it runs on: bits of SessionEffect and those above. Pure. */
export function pinsOf(
  { command, facts, decision }: Pick<Statement, 'command' | 'facts' | 'decision'>,
  multiplexing: boolean,
): number {
  // A PREPARE does nothing of what the statement will do, a FETCH nothing that it has not done.
  let pins = command === 'prepare' || command === 'fetch' ? 0 : facts.effects & PIN_EFFECTS;
  if (decision.multiplex === 2) pins &= ~SessionEffect.USER_VARIABLE;
  if (decision.multiplex === 0) pins |= NO_MULTIPLEX_PIN;
  return multiplexing ? pins : pins | MULTIPLEXING_OFF_PIN;
}

/** What the operator wants of connections that nothing pins. */
export type LeasePolicy = Pick<
  MysqlVariables,
  'connectionDelayMultiplexMs' | 'autocommitFalseIsTransaction' | 'autocommitFalseNotReusable'
>;

/** Nothing keeps a connection but what is on it. */
export const NO_POLICY: LeasePolicy = {
  connectionDelayMultiplexMs: 0,
  autocommitFalseIsTransaction: false,
  autocommitFalseNotReusable: false,
};

/**
 * Sessions that keep a connection only in case its warnings or row count are asked for, after an insert id, or for
 * mysql-connection_delay_multiplex_ms; swept by time and on demand.
 */
export class Lingering {
  readonly #leases = new Map<Leases, number>();
  readonly #delayed = new Set<Leases>();
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  add(leases: Leases): void {
    this.#leases.delete(leases);
    this.#leases.set(leases, this.#clock.nowMs());
  }

  delay(leases: Leases): void {
    this.#delayed.add(leases);
  }

  delete(leases: Leases): void {
    this.#leases.delete(leases);
    this.#delayed.delete(leases);
  }

  /**
   * Ends what has lingered for `ageMs` or longer, and what was kept though not used for `delayMs`; everything with 0.
   */
  sweep(ageMs: number, delayMs = 0): void {
    const beforeMs = this.#clock.nowMs() - ageMs;
    for (const [leases, sinceMs] of this.#leases) {
      if (sinceMs > beforeMs) break;
      this.#leases.delete(leases);
      leases.endLinger();
    }
    for (const leases of this.#delayed) if (!leases.endDelay(delayMs)) this.#delayed.delete(leases);
  }
}

export class Leases {
  readonly #hostgroups: HostgroupManager;
  readonly #lingering: Lingering;
  readonly #policy: () => LeasePolicy;
  readonly #held: BackendConnection[] = [];
  /** Where the last statement ran whose diagnostics or insert id may be asked for. */
  lastHostgroup = -1;
  /** The connection that knows the session's last insert id by itself, if the session still holds it. */
  insertIdAt: BackendConnection | undefined;

  constructor(hostgroups: HostgroupManager, lingering: Lingering, policy: () => LeasePolicy = () => NO_POLICY) {
    this.#hostgroups = hostgroups;
    this.#lingering = lingering;
    this.#policy = policy;
  }

  get held(): readonly BackendConnection[] {
    return this.#held;
  }

  /** A connection is held on which statements may have set what the proxy mirrors, without its knowing. */
  get pinned(): boolean {
    return this.#held.some((connection) => connection.pins !== 0);
  }

  /** The connection held in a hostgroup. */
  find(hostgroup: number): BackendConnection | undefined {
    for (const connection of this.#held) if (connection.home.hostgroup === hostgroup) return connection;
    return undefined;
  }

  /** The connection that has one of these pins. */
  pinnedBy(pins: number): BackendConnection | undefined {
    for (const connection of this.#held) if ((connection.pins & pins) !== 0) return connection;
    return undefined;
  }

  /** The connection with an open transaction, or with what mysql-autocommit_false_is_transaction takes for one. */
  inTransaction(): BackendConnection | undefined {
    for (const connection of this.#held)
      if (connection.inTransaction || this.#mayNotLeave(connection)) return connection;
    return undefined;
  }

  #mayNotLeave(connection: BackendConnection): boolean {
    return autocommitIsOff(connection) && this.#policy().autocommitFalseIsTransaction;
  }

  /** From now on the connection is the session's, until `settle` finds that nothing keeps it. */
  hold(connection: BackendConnection): void {
    if (!this.#held.includes(connection)) this.#held.push(connection);
  }

  /** After an answer: keeps the connection when something pins it or may be asked for, gives it back otherwise. */
  settle(connection: BackendConnection): void {
    if (!connection.clean || connection.lingerStatements > 0 || this.#mayNotLeave(connection)) return;
    if (this.#policy().connectionDelayMultiplexMs > 0) this.#lingering.delay(this);
    else this.#release(connection);
  }

  /** The same of a connection that may be lost: with a transaction on it, say, the next statement is told of that. */
  settleOrForget(connection: BackendConnection): void {
    if (!connection.lost) this.settle(connection);
    else if (connection.clean) this.#remove(connection);
  }

  /** Keeps a connection for so many of the next statements, which may ask for what this one left. */
  linger(connection: BackendConnection, statements: number): void {
    connection.lingerStatements = statements;
    this.#lingering.add(this);
  }

  /** A statement begins, on `here` if that is a connection of the session: what others were kept for has come nearer its end. */
  passBy(here: BackendConnection | undefined): void {
    if (this.#held.length === 0) return;
    for (const connection of [...this.#held]) {
      if (connection === here || connection.lingerStatements === 0 || !connection.idle) continue;
      connection.lingerStatements -= 1;
      this.settle(connection);
    }
  }

  /** Gives back what was only kept in case a statement asked for it. */
  endLinger(): void {
    for (const connection of [...this.#held]) {
      if (connection.lingerStatements === 0 || !connection.idle) continue;
      connection.lingerStatements = 0;
      this.settle(connection);
    }
  }

  /** Gives back what nothing keeps and nobody has used for `delayMs`; false when there is nothing of that kind left. */
  endDelay(delayMs: number): boolean {
    const beforeMs = performance.now() - delayMs;
    let left = false;
    for (const connection of [...this.#held]) {
      if (!connection.idle || connection.answeredAtMs > beforeMs) left = true;
      else if (connection.clean && connection.lingerStatements === 0 && !this.#mayNotLeave(connection))
        this.#release(connection);
    }
    return left;
  }

  /** Gives back a connection that is kept just in case, because another one is better; false when it has to be used. */
  letGo(connection: BackendConnection): boolean {
    if (!connection.idle || !connection.clean || this.#mayNotLeave(connection)) return false;
    connection.lingerStatements = 0;
    this.#release(connection);
    return true;
  }

  forget(connection: BackendConnection): void {
    this.#remove(connection);
  }

  /** Gives back everything: clean ones at once, others after a reset; one with an answer under way is closed. */
  endAll(): void {
    this.#lingering.delete(this);
    for (const connection of this.#held.splice(0)) {
      connection.lingerStatements = 0;
      connection.foreignDiagnostics = true;
      if (connection === this.insertIdAt) this.insertIdAt = undefined;
      if (!connection.idle || this.#mayNotBeReused(connection)) connection.destroy();
      else if (connection.clean) this.#hostgroups.giveBack(connection);
      else this.#hostgroups.giveBackUsed(connection);
    }
  }

  #release(connection: BackendConnection): void {
    this.#remove(connection);
    connection.foreignDiagnostics = true;
    if (this.#mayNotBeReused(connection)) connection.destroy();
    else this.#hostgroups.giveBack(connection);
  }

  #mayNotBeReused(connection: BackendConnection): boolean {
    // After XA PREPARE and a reset MariaDB fails statements of the next XA transaction there (1031).
    if ((connection.pins & SessionEffect.XA) !== 0) return true;
    return autocommitIsOff(connection) && this.#policy().autocommitFalseNotReusable;
  }

  #remove(connection: BackendConnection): void {
    const index = this.#held.indexOf(connection);
    if (index >= 0) this.#held.splice(index, 1);
    if (connection === this.insertIdAt) this.insertIdAt = undefined;
  }
}

function autocommitIsOff(connection: BackendConnection): boolean {
  return (connection.statusFlags & StatusFlag.AUTOCOMMIT) === 0;
}
