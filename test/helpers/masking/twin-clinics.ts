/**
 * Two clinics that are alike but for their protected values. What a statement shows of them, masks applied, must hold no
 * protected value, and must be the same for both: then it depends on none. Used directly, and through a proxy.
 */
import type { Connection, FieldPacket } from 'mysql2/promise';
import { type Catalog, catalogOf } from '../../../src/masking/catalog.ts';
import { CLINIC_FACTS, CLINIC_SETUP, SECRETS } from './clinic.ts';
import { LeakChecker } from './leaks.ts';
import type { RandomStatement } from './random-query.ts';

/**
 * Values that have nothing in common with anything else in the clinic, in the order of {@link SECRETS}; the digits of the
 * numbers are such as hexadecimal text never has in a row.
 */
export const TWIN_SECRETS = [
  [
    'Q7ZX91KW4V',
    'J8VKX62WQY',
    'Z5QWJ39XKC',
    'XKQZ48812VJW',
    'WJXV6619KQZX',
    'VQKJ7358XZWY',
    '918810998',
    '190088119',
    '801991880',
  ],
  [
    'KVX3JQZ88W',
    'WZK04QXJ7V',
    'A1XVQ6KJZW',
    'ZZXQV39485JK',
    'QQWX7702KVJZ',
    'ZZXQV39485JK',
    '988011900',
    '110908891',
    '988011900',
  ],
] as const;

/** An index that is of use to whoever may not see what comes second in it. */
const MIXED_INDEX = { name: 'city_phone', columns: ['city', 'phone'] } as const;

/** Those whose order is that of a protected column. */
export const ORDERED_INDEXES = ['uq_phone', MIXED_INDEX.name] as const;

export function twinCatalog(): Catalog {
  const tables = CLINIC_FACTS.tables.map((table) =>
    table.schema === 'clinic' && table.name === 'patients'
      ? { ...table, indexes: [...(table.indexes ?? []), MIXED_INDEX] }
      : table,
  );
  return catalogOf({ ...CLINIC_FACTS, tables });
}

export function twinSetup(twin: 0 | 1): string[] {
  const { name, columns } = MIXED_INDEX;
  const setup = [...CLINIC_SETUP, `ALTER TABLE clinic.patients ADD KEY ${name} (${columns.join(', ')})`];
  return setup.map((statement) =>
    SECRETS.reduce((text, secret, i) => text.replaceAll(secret, TWIN_SECRETS[twin][i] ?? ''), statement),
  );
}

const checker = new LeakChecker(TWIN_SECRETS.flat());
/** Plans are full of numbers, which have digits in common with anything. */
const planChecker = new LeakChecker(TWIN_SECRETS.flat(), 8);

/** One statement in so many has its warnings looked at. */
const WARNINGS_EVERY = 8;

/** What one server showed. */
export interface Shown {
  /** Rows of every result, sorted unless their order counts, masked cells left out. */
  readonly results: readonly string[];
  /** Number and message of the error that ended it. */
  readonly error: string | undefined;
  /** The message, when it was a refusal. */
  readonly refusal: string | undefined;
  readonly leak: string | undefined;
  readonly columns: number | undefined;
}

/**
 * Runs the statement and what asks after it, all in a transaction that is rolled back.
 * @param masked positions whose cells are left out; empty when a proxy masks them.
 */
export async function show(
  connection: Connection,
  statement: RandomStatement,
  masked: ReadonlySet<number>,
): Promise<Shown> {
  const { kind, sql, after, inOrder = false } = statement;
  const undo = kind === 'write' || kind === 'copy';
  if (undo) await connection.query('BEGIN');
  const results: string[] = [];
  let leak: string | undefined;
  let columns: number | undefined;
  let first = true;
  try {
    for (const [i, text] of [sql, ...after].entries()) {
      const [rows, fields] = await connection.query({ sql: text, rowsAsArray: true });
      const answer = cellsOf(
        rows,
        fields,
        i === 0 ? masked : new Set(),
        kind === 'explain' ? planChecker : checker,
        inOrder,
      );
      leak ??= answer.leak;
      // A plan may differ in its estimates.
      if (kind !== 'explain') results.push(answer.text);
      if (i === 0 && Array.isArray(fields)) columns = fields.length;
      first = false;
    }
    // How many warnings there are may depend on the order in which rows were read.
    if (kind === 'query' && sql.length % WARNINGS_EVERY === 0) {
      const [rows, fields] = await connection.query({ sql: 'SHOW WARNINGS', rowsAsArray: true });
      leak ??= cellsOf(rows, fields, new Set(), checker, true).leak;
    }
    return { results, error: undefined, refusal: undefined, leak, columns };
  } catch (error) {
    const { errno, message } = error as { errno?: number; message: string };
    if (errno === undefined || message.includes('closed state')) throw error;
    leak ??= checker.leakIn(message);
    // From M40 on texts are withheld and results cut off.
    const refusal = first && /SLUICE-M[0-3]\d/.test(message) ? message : undefined;
    return { results, error: `${errno}`, refusal, leak, columns };
  } finally {
    if (undo) await connection.query('ROLLBACK');
    if (undo && /create/i.test(sql)) await connection.query('DROP TEMPORARY TABLE IF EXISTS copied');
  }
}

function cellsOf(
  rows: unknown,
  fields: unknown,
  masked: ReadonlySet<number>,
  leaks: LeakChecker,
  inOrder: boolean,
): { text: string; leak: string | undefined } {
  if (!Array.isArray(rows) || !Array.isArray(fields)) {
    const { affectedRows, info, changedRows } = rows as { affectedRows?: number; info?: string; changedRows?: number };
    return { text: JSON.stringify([affectedRows, info, changedRows]), leak: leaks.leakIn(info ?? '') };
  }
  let leak: string | undefined;
  for (const field of fields as FieldPacket[]) leak ??= leaks.leakIn(field.name);
  const shown = (rows as unknown[][]).map((row) => row.filter((_, at) => !masked.has(at)));
  for (const cell of shown.flat()) leak ??= leaks.leakInCell(cell);
  const lines = shown.map((row) => JSON.stringify(row.map(comparable)));
  return { text: (inOrder ? lines : lines.sort()).join('\n'), leak };
}

/** JSON is an object to the driver when the server says so, and a text when it does not. */
function comparable(cell: unknown): unknown {
  return typeof cell === 'object' && cell !== null && !Buffer.isBuffer(cell)
    ? JSON.stringify(cell).replace(/\s/g, '')
    : typeof cell === 'string' && /^[[{]/.test(cell)
      ? cell.replace(/\s/g, '')
      : cell;
}
