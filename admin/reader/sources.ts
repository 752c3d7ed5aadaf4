/**
 * Tables that show what the runtime is and what it has counted: where their rows come from when a statement names them.
 * Who asks gets them before it is known what the statement will do with them; counters of a `_reset` table are zero then.
 */
import { fastRoutingRow, type TableRow, userRows } from '../../runtime/build-snapshot.ts';
import type { DataPlane } from '../../runtime/plane.ts';
import { nextTurn } from '../../src/util/turn.ts';
import type { Promotion } from '../promotion.ts';
import type { StatsContent, StatsRefresher } from '../stats/refresh.ts';
import type { TableContent } from '../table-store.ts';
import { smallReadRowsMax } from './cost.ts';
import type { RowSlice } from './messages.ts';

const ROWS_IN_ONE_TURN = 256;

/** A table of more rows than are put into the shared connection. */
export interface LargeSource {
  readonly schema: 'main' | 'stats';
  readonly name: string;
  /** Gives all rows; resolves after the last slice. To be called once. */
  readonly collect: (onSlice: (slice: RowSlice) => void) => Promise<void>;
}

/** What the tables named by a statement are to hold. */
export interface Sources {
  readonly runtime: readonly TableContent[];
  readonly stats: readonly StatsContent[];
  readonly large: readonly LargeSource[];
}

export interface Asked {
  readonly plane: DataPlane;
  readonly stats: StatsRefresher;
  readonly promotion: Promotion;
}

/** Stats accounts have a view without the runtime: `names` hold none of its tables then. */
export async function sourcesOf(names: ReadonlySet<string>, { plane, stats, promotion }: Asked): Promise<Sources> {
  const streams = [...digestTables(names, plane), ...runtimeTables(names, plane)];
  const streamed = new Set(streams.map(({ name }) => name));
  const others = new Set([...names].filter((name) => !streamed.has(name)));
  const runtime = await promotion.runtimeContents(others);
  const counted = await stats.collect(others);
  return {
    runtime: runtime.filter(({ rows }) => rows.length <= smallReadRowsMax),
    stats: counted.filter(({ rows }) => rows.length <= smallReadRowsMax),
    large: [
      ...streams,
      ...runtime.filter(({ rows }) => rows.length > smallReadRowsMax).map(({ table, rows }) => objects(table, rows)),
      ...counted
        .filter(({ rows }) => rows.length > smallReadRowsMax)
        .map(
          ({ table, rows }): LargeSource => ({
            schema: 'stats',
            name: table,
            collect: (onSlice) => inSlices(rows, (cells) => onSlice({ cells })),
          }),
        ),
    ],
  };
}

function objects(name: string, rows: readonly TableRow[]): LargeSource {
  const columns = Object.keys(rows[0] ?? {});
  return {
    schema: 'main',
    name,
    collect: (onSlice) => inSlices(rows, (slice) => onSlice(sliceOf(columns, slice))),
  };
}

/** The digest table and its twin, which resets it; with both, both show what was there. */
function digestTables(names: ReadonlySet<string>, plane: DataPlane): LargeSource[] {
  const plain = names.has('stats_mysql_query_digest');
  const reset = names.has('stats_mysql_query_digest_reset');
  const table = (name: string, collect: LargeSource['collect']): LargeSource => ({ schema: 'stats', name, collect });
  const collect: LargeSource['collect'] = (onSlice) => plane.collectDigests({ reset }, (packed) => onSlice({ packed }));
  if (!plain || !reset) {
    if (plain) return [table('stats_mysql_query_digest', collect)];
    return reset ? [table('stats_mysql_query_digest_reset', collect)] : [];
  }
  const seen: RowSlice[] = [];
  return [
    table('stats_mysql_query_digest_reset', (onSlice) =>
      collect((slice) => {
        seen.push(slice);
        onSlice(slice);
      }),
    ),
    table('stats_mysql_query_digest', async (onSlice) => seen.forEach(onSlice)),
  ];
}

/** Even to make rows of so many entries is too much at once. */
function runtimeTables(names: ReadonlySet<string>, { current }: DataPlane): LargeSource[] {
  const tables: LargeSource[] = [];
  const { users, fastRouting } = current;
  if (names.has('runtime_mysql_users') && users.length > smallReadRowsMax) {
    tables.push({
      schema: 'main',
      name: 'runtime_mysql_users',
      // Those who log in to the proxy first, as in ProxySQL.
      collect: async (onSlice) => {
        await entriesInSlices(users, (slice) => userRows(slice).filter(({ frontend }) => frontend === 1), onSlice);
        await entriesInSlices(users, (slice) => userRows(slice).filter(({ backend }) => backend === 1), onSlice);
      },
    });
  }
  if (names.has('runtime_mysql_query_rules_fast_routing') && fastRouting.length > smallReadRowsMax) {
    tables.push({
      schema: 'main',
      name: 'runtime_mysql_query_rules_fast_routing',
      collect: (onSlice) => entriesInSlices(fastRouting, (slice) => slice.map(fastRoutingRow), onSlice),
    });
  }
  return tables;
}

function entriesInSlices<Entry>(
  entries: readonly Entry[],
  rowsOf: (slice: readonly Entry[]) => readonly TableRow[],
  onSlice: (slice: RowSlice) => void,
): Promise<void> {
  return inSlices(entries, (slice) => {
    const rows = rowsOf(slice);
    if (rows.length > 0) onSlice(sliceOf(Object.keys(rows[0] ?? {}), rows));
  });
}

function sliceOf(columns: readonly string[], rows: readonly TableRow[]): RowSlice {
  return { columns, cells: rows.map((row) => columns.map((column) => row[column] ?? null)) };
}

async function inSlices<Entry>(entries: readonly Entry[], onSlice: (slice: readonly Entry[]) => void): Promise<void> {
  for (let from = 0; from < entries.length; from += ROWS_IN_ONE_TURN) {
    onSlice(entries.slice(from, from + ROWS_IN_ONE_TURN));
    await nextTurn();
  }
}
