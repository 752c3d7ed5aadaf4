/**
 * What the admin port answers to one statement, before it becomes packets.
 */
import type { SqlCell } from './db/execute.ts';
import type { EncodedRows } from './reader/large-reader.ts';

/** An ERR packet. */
export interface AdminError {
  readonly code: number;
  readonly sqlState: string;
  readonly message: string;
}

export type UnusualPackets = 'global-checksum' | 'read-only-number' | 'read-only-word';

export type AdminReply =
  | { readonly kind: 'ok'; readonly affectedRows?: number; readonly info?: string; readonly warnings?: number }
  | {
      readonly kind: 'rows';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly SqlCell[])[];
      /** The few answers whose packets are not like those of all others in ProxySQL. */
      readonly packets?: UnusualPackets;
    }
  /** Rows that were encoded elsewhere; they may be many. */
  | ({ readonly kind: 'encoded' } & EncodedRows)
  | { readonly kind: 'error'; readonly error: AdminError }
  /** The connection ends without an answer. */
  | { readonly kind: 'hang-up' };

/** All but those that come encoded. */
export type PlainReply = Exclude<AdminReply, { kind: 'encoded' }>;

const PREFIX = 'ProxySQL Admin Error: ';
/** ProxySQL uses MySQL's "access denied" for nearly every error of the admin port. */
const ADMIN_ERROR = 1045;
const ADMIN_SQL_STATE = '28000';

/** An error of the admin port with ProxySQL's prefix. */
export function adminError(message: string, code = ADMIN_ERROR, sqlState = ADMIN_SQL_STATE): PlainReply {
  return { kind: 'error', error: { code, sqlState, message: PREFIX + message } };
}

/** The few errors that ProxySQL sends as they are. */
export function bareError(message: string, code = ADMIN_ERROR, sqlState = ADMIN_SQL_STATE): PlainReply {
  return { kind: 'error', error: { code, sqlState, message } };
}

export function okReply(affectedRows = 0): PlainReply {
  return { kind: 'ok', affectedRows };
}
