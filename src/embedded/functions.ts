/**
 * MySQL's functions that SQLite lacks or answers differently, registered on a session's SQLite connection. It covers what
 * tools and people use when they look at data, not the manual.
 */
import { createHash, randomUUID } from 'node:crypto';
import type Database from 'better-sqlite3';
import type { Scalar } from './session-variables.ts';

export interface FunctionContext {
  readonly schema: () => string | null;
  readonly user: () => string;
  readonly connectionId: number;
  readonly serverVersion: string;
  readonly lastInsertId: () => number;
  readonly rowCount: () => number;
  readonly nowMs: () => number;
}

/** Longest text a function may build: REPEAT('x', 1e9) must not take the process along. */
const RESULT_LENGTH_MAX = 16 * 1024 * 1024;

/** Registers all functions. */
export function registerFunctions(database: Database.Database, context: FunctionContext): void {
  for (const [name, implementation] of Object.entries(stateFunctions(context))) {
    database.function(name, { varargs: true, deterministic: false }, implementation);
  }
  for (const [name, implementation] of Object.entries(PURE_FUNCTIONS)) {
    // A NULL argument makes the result NULL, as it does for nearly all functions of MySQL.
    const strict = (...values: Scalar[]) => (values.includes(null) ? null : implementation(...values));
    database.function(name, { varargs: true, deterministic: true }, strict);
  }
}

type SqlFunction = (...values: Scalar[]) => Scalar;

function stateFunctions(context: FunctionContext): Record<string, SqlFunction> {
  const now = () => timestamp(context.nowMs()).slice(0, 19);
  const date = () => timestamp(context.nowMs()).slice(0, 10);
  const time = () => timestamp(context.nowMs()).slice(11, 19);
  return {
    version: () => context.serverVersion,
    database: () => context.schema(),
    user: () => context.user(),
    current_user: () => context.user(),
    connection_id: () => context.connectionId,
    last_insert_id: () => context.lastInsertId(),
    row_count: () => context.rowCount(),
    now,
    sysdate: now,
    localtime: now,
    localtimestamp: now,
    current_timestamp: now,
    utc_timestamp: now,
    curdate: date,
    current_date: date,
    curtime: time,
    current_time: time,
    unix_timestamp: (at) => Math.floor((at == null ? context.nowMs() : Date.parse(`${text(at)}Z`)) / 1_000),
    rand: () => Math.random(),
    uuid: () => randomUUID(),
  };
}

const PURE_FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  concat: (...values) => bounded(values.map(text).join('')),
  left: (value, count) => [...text(value)].slice(0, Math.max(0, Number(count))).join(''),
  right: (value, count) => (Number(count) <= 0 ? '' : [...text(value)].slice(-Number(count)).join('')),
  mid: (value, from, count) => [...text(value)].slice(Number(from) - 1, Number(from) - 1 + Number(count)).join(''),
  lpad: (value, length, filler) => pad(text(value), Number(length), text(filler), 'left'),
  rpad: (value, length, filler) => pad(text(value), Number(length), text(filler), 'right'),
  repeat: (value, count) => repeat(text(value), Number(count)),
  space: (count) => repeat(' ', Number(count)),
  reverse: (value) => [...text(value)].reverse().join(''),
  locate: (needle, value) => text(value).toLowerCase().indexOf(text(needle).toLowerCase()) + 1,
  ucase: (value) => text(value).toUpperCase(),
  lcase: (value) => text(value).toLowerCase(),
  char_length: (value) => [...text(value)].length,
  character_length: (value) => [...text(value)].length,
  length: (value) => (Buffer.isBuffer(value) ? value.length : Buffer.byteLength(text(value))),
  field: (wanted, ...values) => values.findIndex((value) => text(value) === text(wanted)) + 1,
  truncate: (value, digits) => Math.trunc(Number(value) * 10 ** Number(digits)) / 10 ** Number(digits),
  md5: (value) => hash('md5', value),
  sha1: (value) => hash('sha1', value),
  sha2: (value, bits) => hash(`sha${Number(bits) || 256}`, value),
  year: (value) => Number(text(value).slice(0, 4)),
  month: (value) => Number(text(value).slice(5, 7)),
  day: (value) => Number(text(value).slice(8, 10)),
};

function text(value: Scalar | undefined): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value ?? '');
}

function bounded(value: string): string {
  if (value.length > RESULT_LENGTH_MAX) throw new RangeError('result of the function is too long');
  return value;
}

function repeat(value: string, count: number): string {
  if (value.length * count > RESULT_LENGTH_MAX) throw new RangeError('result of the function is too long');
  return value.repeat(Math.max(0, Math.trunc(count)));
}

function pad(value: string, length: number, filler: string, side: 'left' | 'right'): string {
  const chars = [...value];
  if (chars.length >= length) return chars.slice(0, length).join('');
  const missing = length - chars.length;
  const filling = [...repeat(filler, Math.ceil(missing / Math.max(1, filler.length)))].slice(0, missing).join('');
  return side === 'left' ? filling + value : value + filling;
}

function hash(algorithm: string, value: Scalar | undefined): string {
  return createHash(algorithm)
    .update(Buffer.isBuffer(value) ? value : text(value))
    .digest('hex');
}

/** `2026-01-31 12:34:56.789`; embedded servers live in UTC. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ');
}
