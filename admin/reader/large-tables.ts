/**
 * Which tables are read through the reader thread, and where their rows come from.
 */

import type { Database } from 'better-sqlite3';
import { fastRoutingRow, type TableRow, userRows } from '../../runtime/build-snapshot.ts';
import { packRows } from '../../runtime/packed-rows.ts';
import type { DataPlane } from '../../runtime/plane.ts';
import { nextTurn } from '../../src/util/turn.ts';
import { tableNames } from '../db/schema.ts';
import type { AdminRole } from '../grammar/statement.ts';
import type { LargeRead, LargeTable } from './large-reader.ts';

/** Tables of the runtime with fewer rows than this are filled and read at once, which is quicker. */
const LARGE_ROWS = 2_000;
const ROWS_IN_ONE_TURN = 256;

/** Words of a statement that needs only some of the rows, which is quicker where they are. */
const FEW_ROWS: readonly string[] = ['where', 'limit', 'count'];
/** Schemas whose tables the thread does not have. */
const OTHER_SCHEMAS: readonly string[] = ['disk', 'monitor', 'stats_history'];

/** What a SELECT with these names reads. */
export interface Asked {
  readonly names: ReadonlySet<string>;
  readonly role: AdminRole;
  /** May it see all of MEMORY? */
  readonly seesAll: boolean;
}

/**
 * What the thread needs for a SELECT that reads a large table; undefined when it reads none, or when it also reads a table
 * that the thread cannot have. Tables of MEMORY, small runtime tables included, go there in an image of all of it.
 */
export function largeReadOf({ names, role, seesAll }: Asked, plane: DataPlane, db: Database): LargeRead | undefined {
  // Stats accounts have a view without the runtime.
  const tables = [...digestTables(names, plane), ...(role === 'admin' ? runtimeTables(names, plane) : [])];
  const inMemory = seesAll && role === 'admin';
  if (tables.length === 0 && (!inMemory || !WHOLE_TABLES.some((name) => readsAllOf(db, name, names)))) return undefined;
  if (OTHER_SCHEMAS.some((name) => names.has(name))) return undefined;
  const elsewhere = new Set(tables.map(({ name }) => name));
  const others = [...names].filter((name) => !elsewhere.has(name));
  const all = tableNames(db);
  const known = others.filter((name) => all.has(name) || /^(sqlite|pragma)_/.test(name));
  if (known.length === 0) return { tables, memory: undefined, twins: new Set() };
  const replaced = tables.filter(({ schema }) => schema === 'main').map(({ name }) => name);
  if (!inMemory || ![...known, ...replaced].every((name) => isPlainTable(db, name))) return undefined;
  const twins = new Set(known.filter((name) => name.startsWith('runtime_')));
  return { tables, memory: () => db.serialize(), twins };
}

/** The tables of MEMORY that can be large. */
const WHOLE_TABLES: readonly string[] = ['mysql_users', 'mysql_query_rules_fast_routing'];

function readsAllOf(db: Database, table: string, names: ReadonlySet<string>): boolean {
  if (!names.has(table) || FEW_ROWS.some((word) => names.has(word)) || !isPlainTable(db, table)) return false;
  const select = db.prepare(`SELECT 1 FROM main.${table} LIMIT 1 OFFSET ?`);
  return select.get(LARGE_ROWS - 1) !== undefined;
}

/** A table of MEMORY; views may read what the image does not have. */
function isPlainTable(db: Database, name: string): boolean {
  const select = db.prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND lower(name) = ?");
  return select.get(name) !== undefined;
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
