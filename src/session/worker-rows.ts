/**
 * The worker's answers to questions about its statistics: one kind of rows a table of the admin plane. It counts
 * nothing; whoever does something counts it.
 */
import type { CollectKind } from '../../runtime/messages.ts';
import type { GlobalCounterRow, MemoryRow, StatsRows } from '../../runtime/stats.ts';
import { freeConnectionRow } from '../hostgroup/free-connection-rows.ts';
import type { WorkerContext } from './context.ts';
import { PreparedRows } from './prepared-rows.ts';
import { sessionGauges } from './processlist-row.ts';

export class WorkerRows {
  readonly #context: WorkerContext;
  readonly #sessionsByUser: () => ReadonlyMap<string, number>;
  readonly #prepared = new PreparedRows();

  constructor(context: WorkerContext, sessionsByUser: () => ReadonlyMap<string, number>) {
    this.#context = context;
    this.#sessionsByUser = sessionsByUser;
  }

  /** `reset` begins to count anew, where the table has a twin for that. */
  collect(kind: CollectKind, reset: boolean): readonly StatsRows[CollectKind][] {
    const context = this.#context;
    switch (kind) {
      case 'connection-pool':
        return context.hostgroups.rows(reset);
      case 'query-rules':
        return [...context.ruleHits].map(([ruleId, hits]) => ({ ruleId, hits }));
      case 'users':
        // Those who are there: who may log in is known to whoever asks.
        return [...this.#sessionsByUser()].map(([username, frontendConnections]) => ({
          username,
          frontendConnections,
        }));
      case 'processlist':
        return [...context.sessions.values()].map((session) => session.row());
      case 'global':
        return this.#globalRows();
      case 'commands':
        return context.commandStats.rows();
      case 'errors':
        return context.errorStats.rows(reset);
      case 'free-connections':
        return [...context.hostgroups.free()].map(([server, connection]) =>
          freeConnectionRow(server, connection, context.runtime.variables.initConnect),
        );
      case 'prepared-statements':
        return this.#preparedRows();
      case 'masking':
        return context.masking.stats.rows(reset);
      case 'gtid-executed':
        return context.hostgroups.gtidRows();
      case 'memory':
        return this.#memoryRows();
    }
  }

  #preparedRows() {
    const { sessions, hostgroups } = this.#context;
    return this.#prepared.rows(
      sessions.values(),
      [...hostgroups.free()].map(([, connection]) => connection),
    );
  }

  /** Counters since the start and gauges of the moment; what both know of is added. */
  #globalRows(): GlobalCounterRow[] {
    const { counters, sessions } = this.#context;
    const values = new Map(counters.rows().map(({ name, value }) => [name, value]));
    for (const { name, value } of [...sessionGauges(sessions.values()), ...this.#statementGauges()])
      values.set(name, (values.get(name) ?? 0) + value);
    return [...values].map(([name, value]) => ({ name, value }));
  }

  #statementGauges(): GlobalCounterRow[] {
    const rows = this.#preparedRows();
    const sum = (of: (row: (typeof rows)[number]) => number): number => rows.reduce((all, row) => all + of(row), 0);
    return [
      { name: 'Stmt_Client_Active_Total', value: sum((row) => row.refCountClient) },
      { name: 'Stmt_Client_Active_Unique', value: rows.length },
      { name: 'Stmt_Server_Active_Total', value: sum((row) => row.refCountServer) },
      { name: 'Stmt_Server_Active_Unique', value: rows.filter((row) => row.refCountServer > 0).length },
      { name: 'Stmt_Max_Stmt_id', value: Math.max(0, ...rows.map((row) => row.globalStmtId)) },
      { name: 'Stmt_Cached', value: rows.length },
    ];
  }

  #memoryRows(): MemoryRow[] {
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const statements = this.#preparedRows();
    return [
      { name: 'cpu_user_us', value: user },
      { name: 'cpu_system_us', value: system },
      { name: 'jemalloc_resident', value: rss },
      { name: 'jemalloc_active', value: heapTotal + external },
      { name: 'jemalloc_allocated', value: heapUsed + external },
      { name: 'jemalloc_mapped', value: heapTotal + external },
      { name: 'query_digest_memory', value: this.#context.digestStats.approximateBytes },
      {
        name: 'prepare_statement_metadata_memory',
        value: statements.reduce((all, { query }) => all + query.length, 0),
      },
    ];
  }
}
