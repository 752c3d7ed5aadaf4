/**
 * Brings the stats_ tables that a statement names up to date: asks the workers first, then fills.
 * It decides nothing about rows; tables.ts does.
 */
import type { Database } from 'better-sqlite3';
import type { DataPlane } from '../../runtime/plane.ts';
import { type PrimaryFacts, STATS_TABLES, type StatsRow, type StatsTable } from './tables.ts';

/** What one table is to hold. */
export interface StatsContent {
  readonly table: string;
  readonly rows: readonly StatsRow[];
}

export interface StatsRefresherOptions {
  readonly plane: DataPlane;
  /** Milliseconds on a clock that does not jump. */
  readonly nowMs: () => number;
  /** Whether stats_mysql_global shows the counters that ProxySQL does not have. */
  readonly showsOwnCounters: () => boolean;
  /** What the primary knows besides the time. */
  readonly facts: () => Omit<PrimaryFacts, 'uptimeS'>;
}

export interface StatsRefresher {
  /** Seconds since the refresher was made, which is at start-up. */
  uptimeS(): number;
  /** What the named tables are to hold now; fillStats() puts it there. */
  collect(names: ReadonlySet<string>): Promise<readonly StatsContent[]>;
  /** The rows of a table of names and values. */
  figures(table: 'stats_mysql_global' | 'stats_memory_metrics'): Promise<ReadonlyMap<string, string>>;
}

export function createStatsRefresher({ plane, nowMs, facts, showsOwnCounters }: StatsRefresherOptions): StatsRefresher {
  const startedMs = nowMs();
  const uptimeS = (): number => (nowMs() - startedMs) / 1000;

  async function contentsOf(table: StatsTable, names: ReadonlySet<string>): Promise<readonly StatsContent[]> {
    const plain = names.has(table.name);
    const reset = table.hasReset && names.has(`${table.name}_reset`);
    if (!plain && !reset) return [];
    const rows = await table.collect(plane, () => ({ ...facts(), uptimeS: uptimeS() }), reset);
    return [
      ...(plain ? [{ table: table.name, rows }] : []),
      ...(reset ? [{ table: `${table.name}_reset`, rows }] : []),
    ];
  }

  return {
    uptimeS,
    async figures(name) {
      const rows = (await contentsOf(tableNamed(name), new Set([name])))[0]?.rows ?? [];
      return new Map(rows.map(([figure, value]) => [String(figure), String(value)]));
    },
    async collect(names) {
      const contents = (await Promise.all(STATS_TABLES.map((table) => contentsOf(table, names)))).flat();
      return showsOwnCounters() ? contents : contents.map(withoutOwnCounters);
    },
  };
}

function withoutOwnCounters({ table, rows }: StatsContent): StatsContent {
  if (table !== 'stats_mysql_global') return { table, rows };
  return { table, rows: rows.filter(([name]) => !String(name).startsWith('Sluice_')) };
}

function tableNamed(name: string): StatsTable {
  const table = STATS_TABLES.find((candidate) => candidate.name === name);
  if (table === undefined) throw new Error(`there is no table ${name}`);
  return table;
}

/**
 * Puts rows in place, in one step; `schema` is where the tables are in that connection. To be called right before the
 * statement runs and in the same turn of the event loop: so no other session can see or disturb a half-filled table.
 */
export function fillStats(db: Database, schema: 'main' | 'stats', contents: readonly StatsContent[]): void {
  if (contents.length === 0) return;
  db.transaction(() => {
    for (const { table, rows } of contents) {
      // An operator may have dropped it.
      if (db.prepare('SELECT 1 FROM pragma_table_info(?, ?)').get(table, schema) === undefined) continue;
      db.exec(`DELETE FROM ${schema}.${table}`);
      const [first] = rows;
      if (first === undefined) continue;
      const insert = db.prepare(
        `INSERT OR REPLACE INTO ${schema}.${table} VALUES (${first.map(() => '?').join(', ')})`,
      );
      for (const row of rows) insert.run(row);
    }
  })();
}
