/**
 * The backend connections a session holds: at most one per hostgroup, kept only while something of the session lives
 * on it. Decides after each answer whether a connection goes back to the pool, and knows why it does not.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { HostgroupManager } from '../hostgroup/hostgroup-manager.ts';
import { effectNames, SessionEffect } from '../sql/facts.ts';
import type { Clock } from '../util/clock.ts';
import type { Statement } from './statement.ts';

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

/** Sessions that keep a connection only in case its warnings or row count are asked for; swept by time and on demand. */
export class Lingering {
  readonly #leases = new Map<Leases, number>();
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  add(leases: Leases): void {
    this.#leases.delete(leases);
    this.#leases.set(leases, this.#clock.nowMs());
  }

  delete(leases: Leases): void {
    this.#leases.delete(leases);
  }

  /** Ends what has lingered for `ageMs` or longer; everything with 0. */
  sweep(ageMs: number): void {
    const beforeMs = this.#clock.nowMs() - ageMs;
    for (const [leases, sinceMs] of this.#leases) {
      if (sinceMs > beforeMs) break;
      this.#leases.delete(leases);
      leases.endLinger(undefined);
    }
  }
}

export class Leases {
  readonly #hostgroups: HostgroupManager;
  readonly #lingering: Lingering;
  readonly #held: BackendConnection[] = [];
  /** Where the last statement ran whose diagnostics or insert id may be asked for. */
  lastHostgroup = -1;
  /** The connection that knows the session's last insert id by itself, if the session still holds it. */
  insertIdAt: BackendConnection | undefined;

  constructor(hostgroups: HostgroupManager, lingering: Lingering) {
    this.#hostgroups = hostgroups;
    this.#lingering = lingering;
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

  /** The connection with an open transaction. */
  inTransaction(): BackendConnection | undefined {
    for (const connection of this.#held) if (connection.inTransaction) return connection;
    return undefined;
  }

  /** From now on the connection is the session's, until `settle` finds that nothing keeps it. */
  hold(connection: BackendConnection): void {
    if (!this.#held.includes(connection)) this.#held.push(connection);
  }

  /** After an answer: keeps the connection when something pins it or may be asked for, gives it back otherwise. */
  settle(connection: BackendConnection): void {
    if (!connection.clean || connection.lingerStatements > 0) return;
    this.#remove(connection);
    connection.foreignDiagnostics = true;
    this.#hostgroups.giveBack(connection);
  }

  /** Keeps a connection for the next statement, which may ask for the diagnostics of this one. */
  linger(connection: BackendConnection): void {
    connection.lingerStatements = 1;
    this.#lingering.add(this);
  }

  /** Gives back what was only kept in case the next statement asked for it. */
  endLinger(except: BackendConnection | undefined): void {
    for (const connection of [...this.#held]) {
      if (connection === except || connection.lingerStatements === 0 || !connection.idle) continue;
      connection.lingerStatements = 0;
      this.settle(connection);
    }
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
      if (!connection.idle) connection.destroy();
      else if (connection.clean) this.#hostgroups.giveBack(connection);
      else this.#hostgroups.giveBackUsed(connection);
    }
  }

  #remove(connection: BackendConnection): void {
    const index = this.#held.indexOf(connection);
    if (index >= 0) this.#held.splice(index, 1);
    if (connection === this.insertIdAt) this.insertIdAt = undefined;
  }
}
