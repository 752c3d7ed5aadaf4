/**
 * One statement in the events log, in ProxySQL's two formats: JSON lines (2) and binary records (1). Pure.
 * Source: ProxySQL, surface of the events log.
 */

export interface LoggedStatement {
  readonly command: 'query' | 'prepare' | 'execute';
  readonly sessionId: number;
  readonly username: string;
  readonly schema: string;
  /** `address:port` */
  readonly client: string;
  /** -1 when no server was asked; then `server` is ''. */
  readonly hostgroup: number;
  /** `host:port` */
  readonly server: string;
  /** Microseconds since the epoch. */
  readonly startUs: number;
  readonly endUs: number;
  /** The client's id of a prepared statement; 0 without one. */
  readonly statementId: number;
  readonly rowsAffected: number;
  readonly lastInsertId: number | bigint;
  readonly rowsSent: number;
  readonly digest: bigint;
  readonly text: string;
}

const EVENT_NAMES = { query: 'COM_QUERY', execute: 'COM_STMT_EXECUTE', prepare: 'COM_STMT_PREPARE' } as const;
const EVENT_TYPES = { query: 0, execute: 16, prepare: 17 } as const;

/** A line; keys in alphabetical order. */
export function jsonEvent(event: LoggedStatement): Buffer {
  const line = {
    client: event.client,
    ...(event.command === 'query' ? {} : { client_stmt_id: event.statementId }),
    digest: `0x${event.digest.toString(16).toUpperCase().padStart(16, '0')}`,
    duration_us: event.endUs - event.startUs,
    endtime: localTime(event.endUs),
    endtime_timestamp_us: event.endUs,
    event: EVENT_NAMES[event.command],
    hostgroup_id: event.hostgroup,
    last_insert_id: Number(event.lastInsertId),
    query: event.text,
    rows_affected: event.rowsAffected,
    rows_sent: event.rowsSent,
    schemaname: event.schema,
    ...(event.server === '' ? {} : { server: event.server }),
    starttime: localTime(event.startUs),
    starttime_timestamp_us: event.startUs,
    thread_id: event.sessionId,
    username: event.username,
  };
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

/** A length of eight bytes, which counts what follows it, then the fields. */
export function binaryEvent(event: LoggedStatement): Buffer {
  const noServer = event.hostgroup < 0;
  const parts: Buffer[] = [
    Buffer.of(EVENT_TYPES[event.command]),
    integer(event.sessionId),
    string(event.username),
    string(event.schema),
    string(event.client),
    integer(noServer ? 0xffff_ffff_ffff_ffffn : event.hostgroup),
    ...(noServer ? [] : [string(event.server)]),
    integer(event.startUs),
    integer(event.endUs),
    ...(event.command === 'query' ? [] : [integer(event.statementId)]),
    integer(event.rowsAffected),
    integer(event.lastInsertId),
    integer(event.rowsSent),
    integer(event.digest),
    string(event.text),
  ];
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(parts.reduce((sum, part) => sum + part.length, 0)));
  return Buffer.concat([length, ...parts]);
}

/** MySQL's length-encoded integer. */
function integer(value: number | bigint): Buffer {
  const n = BigInt(value);
  if (n < 251n) return Buffer.of(Number(n));
  const [first, bytes] = n < 0x1_0000n ? [0xfc, 2] : n < 0x100_0000n ? [0xfd, 3] : [0xfe, 8];
  const buffer = Buffer.alloc(9);
  buffer[0] = first;
  buffer.writeBigUInt64LE(n, 1);
  return buffer.subarray(0, 1 + bytes);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** `2026-11-27 18:00:00.123456` in the server's own time zone. */
function localTime(us: number): string {
  const date = new Date(Math.floor(us / 1000));
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(us % 1_000_000).padStart(6, '0')}`;
}
