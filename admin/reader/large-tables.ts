/**
 * Which tables are read through the reader thread, and where their rows come from.
 */

import { fastRoutingRow, type TableRow, userRows } from '../../runtime/build-snapshot.ts';
import { packRows } from '../../runtime/packed-rows.ts';
import type { DataPlane } from '../../runtime/plane.ts';
import { nextTurn } from '../../src/util/turn.ts';
import type { AdminRole } from '../grammar/statement.ts';
import type { LargeTable } from './large-reader.ts';

/** Tables of the runtime with fewer rows than this are filled and read at once, which is quicker. */
const LARGE_ROWS = 2_000;
const ROWS_IN_ONE_TURN = 256;

/**
 * The large tables among the names of a statement; undefined when there is none, or when the statement also reads a
 * table that the thread does not have.
 */
export function largeTablesIn(
  names: ReadonlySet<string>,
  plane: DataPlane,
  role: AdminRole,
  isOtherTable: (name: string) => boolean,
): readonly LargeTable[] | undefined {
  // Stats accounts have a view without the runtime.
  const tables = [...digestTables(names, plane), ...(role === 'admin' ? runtimeTables(names, plane) : [])];
  if (tables.length === 0) return undefined;
  const own = new Set(tables.map(({ name }) => name));
  for (const name of names) if (!own.has(name) && isOtherTable(name)) return undefined;
  return tables;
}

/** The digest table and its twin, which resets it; with both, both show what was there. */
function digestTables(names: ReadonlySet<string>, plane: DataPlane): LargeTable[] {
  const plain = names.has('stats_mysql_query_digest');
  const reset = names.has('stats_mysql_query_digest_reset');
  const table = (name: string, collect: LargeTable['collect']): LargeTable => ({ schema: 'stats', name, collect });
  const collect = (onSlice: (packed: string) => void): Promise<void> => plane.collectDigests({ reset }, onSlice);
  if (!plain || !reset) {
    if (plain) return [table('stats_mysql_query_digest', collect)];
    return reset ? [table('stats_mysql_query_digest_reset', collect)] : [];
  }
  const seen: string[] = [];
  return [
    table('stats_mysql_query_digest_reset', (onSlice) =>
      collect((packed) => {
        seen.push(packed);
        onSlice(packed);
      }),
    ),
    table('stats_mysql_query_digest', async (onSlice) => {
      for (const packed of seen) onSlice(packed);
    }),
  ];
}

function runtimeTables(names: ReadonlySet<string>, { current }: DataPlane): LargeTable[] {
  const tables: LargeTable[] = [];
  const { users, fastRouting } = current;
  if (names.has('runtime_mysql_users') && users.length >= LARGE_ROWS) {
    tables.push({
      schema: 'main',
      name: 'runtime_mysql_users',
      // Those who log in to the proxy first, as in ProxySQL.
      collect: async (onSlice) => {
        await inSlices(users, (slice) => userRows(slice).filter(({ frontend }) => frontend === 1), onSlice);
        await inSlices(users, (slice) => userRows(slice).filter(({ backend }) => backend === 1), onSlice);
      },
    });
  }
  if (names.has('runtime_mysql_query_rules_fast_routing') && fastRouting.length >= LARGE_ROWS) {
    tables.push({
      schema: 'main',
      name: 'runtime_mysql_query_rules_fast_routing',
      collect: (onSlice) => inSlices(fastRouting, (slice) => slice.map(fastRoutingRow), onSlice),
    });
  }
  return tables;
}

async function inSlices<Entry>(
  entries: readonly Entry[],
  rowsOf: (slice: readonly Entry[]) => readonly TableRow[],
  onSlice: (packed: string) => void,
): Promise<void> {
  for (let from = 0; from < entries.length; from += ROWS_IN_ONE_TURN) {
    const rows = rowsOf(entries.slice(from, from + ROWS_IN_ONE_TURN));
    onSlice(packRows(rows.map((row) => Object.values(row).map(String))));
    await nextTurn();
  }
}
