/**
 * What ProxySQL's client library makes of a result's metadata before ProxySQL passes it on: numeric columns get NUM_FLAG,
 * which servers never set, and the EOF after the columns has the status the connection had before, since servers that are
 * spoken to with CLIENT_DEPRECATE_EOF send no such packet. Changed in place, by pieces of a packet as they come. It does
 * not know where packets are; response-walker.ts does.
 */
import { ColumnFlag, ColumnType } from './column-types.ts';
import { StatusFlag } from './status-flags.ts';

/** A definition ends with type (1), flags (2), decimals (1) and two bytes that are 0. */
const TYPE_FROM_END = 6;
const HIGH_FLAGS_FROM_END = 4;
/** An EOF ends with its status (2). */
const STATUS_FROM_END = 2;

/** What clients have to know before the rows: they are to be fetched, or are a procedure's parameters. */
const KEPT_STATUS = StatusFlag.CURSOR_EXISTS | StatusFlag.LAST_ROW_SENT | StatusFlag.PS_OUT_PARAMS;

/** Source: IS_NUM in the client library's mysql.h. */
function isNumeric(type: number): boolean {
  return (
    (type <= ColumnType.INT24 && type !== ColumnType.TIMESTAMP) ||
    type === ColumnType.YEAR ||
    type === ColumnType.NEWDECIMAL
  );
}

/**
 * A piece `chunk[start, end)` of a column definition.
 * @param left bytes from `start` to the end of the packet
 * @param typeBefore what the piece before this one returned
 * @returns the column's type as far as it is known, for the piece after this one
 */
export function dressDefinition(chunk: Buffer, start: number, end: number, left: number, typeBefore: number): number {
  const typeAt = start + left - TYPE_FROM_END;
  const flagsAt = start + left - HIGH_FLAGS_FROM_END;
  const type = typeAt >= start && typeAt < end ? chunk[typeAt]! : typeBefore;
  if (flagsAt >= start && flagsAt < end && isNumeric(type)) chunk[flagsAt] = chunk[flagsAt]! | (ColumnFlag.NUM >> 8);
  return type;
}

/**
 * A piece `chunk[start, end)` of the EOF after column definitions.
 * @param left bytes from `start` to the end of the packet
 * @param statusBefore bits of `StatusFlag`
 */
export function dressEof(chunk: Buffer, start: number, end: number, left: number, statusBefore: number): void {
  for (let index = 0; index < STATUS_FROM_END; index += 1) {
    const at = start + left - STATUS_FROM_END + index;
    if (at < start || at >= end) continue;
    const kept = (KEPT_STATUS >> (8 * index)) & 0xff;
    chunk[at] = (chunk[at]! & kept) | ((statusBefore >> (8 * index)) & 0xff & ~kept);
  }
}
