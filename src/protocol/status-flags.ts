/**
 * The server status flags of OK and EOF packets. It does not keep anybody's status.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/mysql__com_8h.html (SERVER_STATUS_flags_enum)
 */
export const StatusFlag = {
  IN_TRANS: 0x0001,
  AUTOCOMMIT: 0x0002,
  MORE_RESULTS_EXISTS: 0x0008,
  NO_GOOD_INDEX_USED: 0x0010,
  NO_INDEX_USED: 0x0020,
  CURSOR_EXISTS: 0x0040,
  LAST_ROW_SENT: 0x0080,
  DB_DROPPED: 0x0100,
  NO_BACKSLASH_ESCAPES: 0x0200,
  METADATA_CHANGED: 0x0400,
  QUERY_WAS_SLOW: 0x0800,
  PS_OUT_PARAMS: 0x1000,
  IN_TRANS_READONLY: 0x2000,
  SESSION_STATE_CHANGED: 0x4000,
  ANSI_QUOTES: 0x8000,
} as const;
export type StatusFlag = (typeof StatusFlag)[keyof typeof StatusFlag];

/**
 * Whether the EOF after an EXECUTE's column definitions says that rows are to be fetched. A procedure with a cursor of its
 * own has the flag in its results too, but there another result follows.
 */
export function opensCursor(status: number): boolean {
  return (status & (StatusFlag.CURSOR_EXISTS | StatusFlag.MORE_RESULTS_EXISTS)) === StatusFlag.CURSOR_EXISTS;
}
