/**
 * Is a statement small enough to run where everybody waits for it? Judged by its compiled program: how many rows its loops can
 * visit at most, one inside the other. When in doubt it is large, which costs some milliseconds and nothing else.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Reading } from '../db/execute.ts';
import { type Instruction, type Place, Places, programOf, quoteName, SCHEMA_TABLE } from '../db/program.ts';

/** Rows that a statement may visit on the shared connection (about 5 ms). */
export const smallReadVisitsMax = 20_000;
/** A statement that writes and may visit more rows than this is tried on a copy first. */
export const writeVisitsMax = 10_000_000;
/** Rows that it may answer there. */
export const smallReadRowsMax = 2_000;

/** What a table function such as json_each is taken for. */
const ROWS_OF_TABLE_FUNCTION = 1_000;
/** Functions that hash for milliseconds count as so many visits. */
const VISITS_OF_DEAR_FUNCTION = 1_000;
const DEAR_FUNCTIONS: ReadonlySet<string> = new Set(['caching_sha2_password']);
/** Functions that take time in proportion to their arguments, and give no more than they are given. */
const CHEAP_FUNCTIONS: ReadonlySet<string> = new Set(
  `abs avg changes char coalesce concat concat_ws count cume_dist current_date current_time current_timestamp date datetime
   dense_rank first_value from_unixtime glob group_concat hex if ifnull iif instr json json_array json_array_length
   json_extract json_group_array json_group_object json_object json_quote json_type json_valid julianday lag
   last_insert_rowid last_value lead length like likelihood likely lower ltrim max min mysql_native_password nth_value ntile
   nullif octet_length percent_rank quote random rank round row_number rtrim sign sqlite_source_id sqlite_version
   strftime string_agg substr substring subtype sum time timediff total total_changes trim typeof unhex unicode unixepoch
   unlikely upper -> ->>`.split(/\s+/),
);
/** What is known of tables besides what is in them. */
export interface TableFacts {
  /** Its rows are many, and not there. */
  readonly isElsewhere: (place: Place) => boolean;
  /** All its rows have to be gone through besides. */
  readonly isAlsoVisited: (place: Place) => boolean;
}

/** Judges a prepared statement: one of SELECT, VALUES, INSERT, REPLACE, UPDATE or DELETE. */
export function judgeCost(
  db: Database,
  statement: Statement<unknown[], unknown>,
  { isElsewhere, isAlsoVisited }: TableFacts,
): Reading {
  const program = programOf(db, statement);
  const places = new Places(db);
  const tables = new Map<string, Place>();
  const rows = new Map<number, number>();
  let besides = 0;
  let definitions = false;
  for (const { opcode, p1, p2, p3 } of program) {
    if (OPENS.has(opcode)) {
      const place = places.of(p3, p2);
      if (place.table === SCHEMA_TABLE) definitions = true;
      else tables.set(`${place.schema}.${place.table}`, place);
      const isThere = !isElsewhere(place);
      const count = isThere ? rowsUpTo(db, place) : Number.POSITIVE_INFINITY;
      rows.set(p1, count);
      if (!isThere || isAlsoVisited(place)) besides += count;
    } else if (opcode === 'VOpen') {
      definitions = true;
      rows.set(p1, ROWS_OF_TABLE_FUNCTION);
    }
  }
  const visits = besides + visitsOf(program, rows);
  const allowed = statement.readonly ? smallReadVisitsMax : writeVisitsMax;
  return { small: visits <= allowed, tables: [...tables.values()], definitions };
}

const OPENS: ReadonlySet<string> = new Set(['OpenRead', 'OpenWrite', 'ReopenIdx']);

/** No more than matter are counted. */
function rowsUpTo(db: Database, { schema, table = '' }: Place): number {
  const name = `${quoteName(schema)}.${quoteName(table)}`;
  const count = db.prepare<[number], number>(`SELECT COUNT(*) FROM (SELECT 1 FROM ${name} LIMIT ?)`).pluck();
  return count.get(smallReadVisitsMax + 1) ?? 0;
}

interface Loop {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

/**
 * Rows visited at most. A loop ends with the instruction that goes on to the next row, and jumps back to where its body
 * begins. Coroutines and subroutines run inside loops that do not stand around them: then all loops count as nested.
 */
function visitsOf(program: readonly Instruction[], rows: ReadonlyMap<number, number>): number {
  const factor = functionsOf(program);
  if (factor === Number.POSITIVE_INFINITY || isRecursive(program)) return Number.POSITIVE_INFINITY;
  const loops = loopsOf(program, rows);
  const product = (all: readonly Loop[]): number => all.reduce((visits, loop) => visits * Math.max(1, loop.rows), 1);
  const yields = program.filter(({ opcode }) => opcode === 'Yield').length;
  const lexical = yields === 0 && !program.some(({ opcode }) => opcode === 'Gosub' || opcode === 'BeginSubrtn');
  if (!lexical) return factor * Math.max(1, yields) * product(loops);
  const around = (inner: Loop): Loop[] => loops.filter(({ from, to }) => from <= inner.from && inner.to <= to);
  return factor * loops.reduce((visits, loop) => visits + product(around(loop)), 1);
}

const NEXT: ReadonlySet<string> = new Set(['Next', 'Prev', 'VNext']);

function loopsOf(program: readonly Instruction[], rows: ReadonlyMap<number, number>): Loop[] {
  const whole = new Set(program.filter(({ opcode }) => opcode === 'Rewind' || opcode === 'Last').map(({ p1 }) => p1));
  const loops: (Loop & { readonly cursor: number })[] = [];
  program.forEach(({ opcode, p1, p2 }, address) => {
    const count = rows.get(p1);
    if (!NEXT.has(opcode) || count === undefined) return;
    // Rows found by an index are few; how few is not known.
    const visited = opcode === 'VNext' || whole.has(p1) ? count : Math.ceil(Math.sqrt(count));
    loops.push({ cursor: p1, from: p2, to: address, rows: visited });
  });
  const all = loops.reduce((visits, loop) => visits * Math.max(1, loop.rows), 1);
  return [...loops, ...scratchLoops(program, loops, all)];
}

/** Loops over what the statement has put down itself: lists, and the rows of parts that are needed more than once. */
function scratchLoops(program: readonly Instruction[], loops: readonly Loop[], all: number): Loop[] {
  const origin = new Map<number, number>();
  const held = new Map<number, number>();
  program.forEach(({ opcode, p1, p2 }, address) => {
    if (opcode === 'OpenEphemeral' || opcode === 'OpenAutoindex') origin.set(p1, p1);
    if (opcode === 'OpenDup') origin.set(p1, origin.get(p2) ?? p2);
    if (opcode !== 'Insert' && opcode !== 'IdxInsert') return;
    const repeated = loops.some(({ from, to }) => from <= address && address <= to);
    held.set(p1, (held.get(p1) ?? 0) + (repeated ? all : 1));
  });
  return program.flatMap(({ opcode, p1, p2 }, address) => {
    const cursor = origin.get(p1);
    if (!NEXT.has(opcode) || cursor === undefined || isSorted(program, p1)) return [];
    return [{ from: p2, to: address, rows: held.get(cursor) ?? 1 }];
  });
}

/** Rows put into order are gone through once, after they were found. */
function isSorted(program: readonly Instruction[], cursor: number): boolean {
  return program.some(({ opcode, p1 }) => opcode === 'Sort' && p1 === cursor);
}

/** A recursive table expression takes rows from a queue until there are none, which may be never. */
function isRecursive(program: readonly Instruction[]): boolean {
  return program.some(
    ({ opcode, p2 }, address) => opcode === 'Goto' && p2 < address && program[p2]?.opcode === 'Rewind',
  );
}

/** What the functions of a statement multiply its visits by; endless for those that nothing is known of. */
function functionsOf(program: readonly Instruction[]): number {
  let factor = 1;
  for (const { opcode, p4 } of program) {
    if (p4 === null || !/^(Pure)?Func|^Agg(Step|Inverse)/.test(opcode)) continue;
    const name = p4.replace(/\(.*$/, '').toLowerCase();
    if (DEAR_FUNCTIONS.has(name)) factor *= VISITS_OF_DEAR_FUNCTION;
    else if (!CHEAP_FUNCTIONS.has(name)) return Number.POSITIVE_INFINITY;
  }
  return factor;
}
