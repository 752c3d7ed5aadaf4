/**
 * The SQL behind the history: samples in, hours out of them, what is old gone, and digests put on disk. It knows no time
 * and asks no worker. Source of what is kept how long: ProxySQL_Statistics.
 */
import type { Database } from 'better-sqlite3';
import { packedRowsOf, unpackRow } from '../../runtime/packed-rows.ts';
import type { HistoryTable } from './history-tables.ts';

const HOUR_S = 3_600;
/** Samples are kept a week, hours a year. */
export const historySamplesKeptS = 7 * 24 * HOUR_S;
export const historyHoursKeptS = 365 * 24 * HOUR_S;

/** Figures by name. */
export type Sample = ReadonlyMap<string, number>;

export class HistoryWriter {
  readonly #db: Database;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(db: Database) {
    this.#db = db;
  }

  /** One row, and at the turn of an hour what follows from it. */
  sample(table: HistoryTable, sample: Sample, nowS: number): Promise<void> {
    return this.#inTurn(async () => {
      const names = table.columns.map(({ name }) => name);
      const marks = names.map(() => '?').join(', ');
      const values = table.columns.map(({ from }) => BigInt(Math.trunc(sample.get(from) ?? 0)));
      this.#db
        .prepare(`INSERT OR REPLACE INTO ${table.name} (timestamp, ${names.join(', ')}) VALUES (?, ${marks})`)
        .run(BigInt(nowS), ...values);
      this.#rollUp(table, nowS);
    });
  }

  /** All figures of stats_mysql_global, each under the number of its name. */
  statusVariables(variables: ReadonlyMap<string, string>, nowS: number): Promise<void> {
    return this.#inTurn(async () => {
      const db = this.#db;
      const known = db.prepare(
        'INSERT OR IGNORE INTO history_mysql_status_variables_lookup (variable_name) VALUES (?)',
      );
      const insert = db.prepare(
        `INSERT OR REPLACE INTO history_mysql_status_variables
           SELECT ?, variable_id, ? FROM history_mysql_status_variables_lookup WHERE variable_name=?`,
      );
      db.transaction(() => {
        for (const [name, value] of variables) {
          known.run(name);
          insert.run(BigInt(nowS), value, name);
        }
        db.prepare('DELETE FROM history_mysql_status_variables WHERE timestamp < ?').run(nowS - historySamplesKeptS);
      })();
    });
  }

  /**
   * Writes digests as they come, in one transaction; returns how many. With several workers a digest has a row for each
   * that saw it.
   */
  digests(collect: (onSlice: (packed: string) => void) => Promise<void>, nowS: number): Promise<number> {
    return this.#inTurn(async () => {
      const insert = this.#db.prepare<unknown[]>(
        `INSERT INTO history_mysql_query_digest VALUES (?, ${Array.from({ length: DIGEST_COLUMNS }, () => '?').join(', ')})`,
      );
      let count = 0;
      this.#db.exec('BEGIN');
      try {
        await collect((packed) => {
          for (const row of packedRowsOf(packed)) {
            insert.run(BigInt(nowS), ...unpackRow(row));
            count += 1;
          }
        });
        this.#db.exec('COMMIT');
      } catch (error) {
        if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
      return count;
    });
  }

  /** After what is being written. */
  async close(): Promise<void> {
    await this.#turn;
    this.#db.close();
  }

  #rollUp({ name, columns }: HistoryTable, nowS: number): void {
    const db = this.#db;
    const hour = `${name}_hour`;
    const last = db.prepare<[], number | null>(`SELECT MAX(timestamp) FROM ${hour}`).pluck().get() ?? 0;
    const until = Math.floor(nowS / HOUR_S) * HOUR_S;
    if (until < last + 2 * HOUR_S && last !== 0) return;
    const values = columns.map((column) => `CAST(${column.rollup}(${column.name}) AS INTEGER)`).join(', ');
    db.transaction(() => {
      db.prepare(
        `INSERT OR REPLACE INTO ${hour} SELECT timestamp / ${HOUR_S} * ${HOUR_S}, ${values} FROM ${name}
           WHERE timestamp >= ? AND timestamp < ? GROUP BY timestamp / ${HOUR_S}`,
      ).run(last === 0 ? 0 : last + HOUR_S, until);
      db.prepare(`DELETE FROM ${name} WHERE timestamp < ?`).run(nowS - historySamplesKeptS);
      db.prepare(`DELETE FROM ${hour} WHERE timestamp < ?`).run(nowS - historyHoursKeptS);
    })();
  }

  /** One after the other: a transaction over several turns must not take others' rows in. */
  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(action, action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

const DIGEST_COLUMNS = 14;
