/**
 * What ProxySQL's checksum of each module is made of: which rows, which columns, in which order.
 * When they are counted is promotion.ts's business.
 */
import { type Cell, cellToText, type TableRow } from '../../runtime/build-snapshot.ts';
import type { RuntimeSnapshot, UserEntry, VariableValues } from '../../runtime/snapshot.ts';
import { SpookyHash } from '../../src/sql/spooky-hash.ts';
import { nextTurn } from '../../src/util/turn.ts';
import { cellText } from '../db/cell-text.ts';
import { PROXYSQL_VERSION_TEXT } from '../variables/admin-spec.ts';
import { type ChecksumCell, joinedChecksum, rowsChecksum } from './raw-checksum.ts';
import type { ChecksumName, Compute } from './runtime-checksums.ts';

/** Rows of MEMORY that a LOAD has read, by table. */
type LoadedRows = ReadonlyMap<string, readonly TableRow[]>;

/** The checksums a module of tables has; none for those ProxySQL does not watch. */
export function tableChecksums(
  module: string,
  rows: LoadedRows,
  snapshot: RuntimeSnapshot,
): readonly (readonly [ChecksumName, Compute])[] {
  switch (module) {
    case 'MYSQL USERS':
      return [['mysql_users', later(usersChecksum, snapshot.users)]];
    case 'MYSQL SERVERS':
      return [
        ['mysql_servers', later(serversChecksum, rows)],
        ['mysql_servers_v2', later(serversV2Checksum, rows)],
      ];
    case 'MYSQL QUERY RULES':
      return [['mysql_query_rules', later(queryRulesChecksum, rulesOf(rows, snapshot))]];
    case 'PROXYSQL SERVERS':
      return [['proxysql_servers', later(peersChecksum, rows)]];
    case 'MYSQL MASKING':
      return [['mysql_masking', later(maskingChecksum, rows)]];
    default:
      return [];
  }
}

/** Holds on to `from` and to nothing else of its surroundings. */
function later<From>(compute: (from: From) => Promise<bigint>, from: From): Compute {
  return () => compute(from);
}

/** Interfaces differ from node to node; the number of threads is each node's own. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'mysql-threads',
  'mysql-interfaces',
  'admin-mysql_ifaces',
  'admin-restapi_port',
  'admin-telnet_admin_ifaces',
  'admin-telnet_stats_ifaces',
  'admin-web_port',
]);

/** Peers of both kinds that are configured alike have the same checksum, whatever admin-version says. */
export function variablesChecksum(prefix: 'mysql-' | 'admin-', values: VariableValues): Promise<bigint> {
  const rows = Object.entries(values)
    .map(([name, value]): [string, string] => [
      prefix + name,
      prefix === 'admin-' && name === 'version' ? PROXYSQL_VERSION_TEXT : value,
    ])
    .filter(([name]) => !LEFT_OUT.has(name));
  return rowsChecksum(rows.sort(([a], [b]) => compareBytes(a, b)));
}

const RULE_COLUMNS =
  `rule_id username schemaname flagIN client_addr proxy_addr proxy_port digest match_digest match_pattern
  negate_match_pattern re_modifiers flagOUT replace_pattern destination_hostgroup cache_ttl cache_empty_result
  cache_timeout reconnect timeout retries delay next_query_flagIN mirror_flagOUT mirror_hostgroup error_msg OK_msg
  sticky_conn multiplex gtid_from_hostgroup log apply attributes comment`.split(/\s+/);

interface Rules {
  readonly rules: readonly TableRow[];
  readonly fastRouting: RuntimeSnapshot['fastRouting'];
}

function rulesOf(rows: LoadedRows, { fastRouting }: RuntimeSnapshot): Rules {
  return { rules: rows.get('mysql_query_rules') ?? [], fastRouting };
}

/** The active rules as they stand in MEMORY, plus fast routing. */
async function queryRulesChecksum({ rules, fastRouting }: Rules): Promise<bigint> {
  const active = rules.filter((row) => cellToText(row.active) === '1');
  const checksum = await rowsChecksum(sorted(active, ['rule_id'], RULE_COLUMNS));
  const routes = [...fastRouting].sort(
    (a, b) => compareBytes(a.username, b.username) || compareBytes(a.schemaname, b.schemaname) || a.flagIn - b.flagIn,
  );
  const fast = await rowsChecksum(
    routes.map((route) => [
      route.username,
      route.schemaname,
      String(route.flagIn),
      String(route.destinationHostgroup),
      route.comment,
    ]),
  );
  return BigInt.asUintN(64, checksum + fast);
}

const SERVER_COLUMNS = `hostgroup_id hostname port gtid_port status weight compression max_connections
  max_replication_lag use_ssl max_latency_ms comment`.split(/\s+/);

/** SHUNNED passes, so it counts as ONLINE; a server on its way out does not count. */
function serverCells(rows: LoadedRows): Iterable<readonly ChecksumCell[]> {
  const servers = (rows.get('mysql_servers') ?? [])
    .map((row): TableRow => ({ ...row, status: cellToText(row.status).toUpperCase() }))
    .filter(({ status }) => status !== 'OFFLINE_HARD')
    .map((row): TableRow => (row.status === 'SHUNNED' ? { ...row, status: 'ONLINE' } : row));
  return sorted(servers, ['hostgroup_id', 'hostname', 'port'], SERVER_COLUMNS);
}

/** In ProxySQL's order, each by its key. */
const SERVER_TABLES: readonly (readonly [table: string, key: readonly string[]])[] = [
  ['mysql_replication_hostgroups', ['writer_hostgroup']],
  ['mysql_group_replication_hostgroups', ['writer_hostgroup']],
  ['mysql_galera_hostgroups', ['writer_hostgroup']],
  ['mysql_aws_aurora_hostgroups', ['writer_hostgroup']],
  ['mysql_hostgroup_attributes', ['hostgroup_id']],
  ['mysql_servers_ssl_params', ['hostname', 'port', 'username']],
];

function serversChecksum(rows: LoadedRows): Promise<bigint> {
  return rowsChecksum(serverCells(rows));
}

function peersChecksum(rows: LoadedRows): Promise<bigint> {
  return rowsChecksum(sorted(rows.get('proxysql_servers') ?? [], ['hostname', 'port']));
}

async function maskingChecksum(rows: LoadedRows): Promise<bigint> {
  const columns = sorted(rows.get('mysql_masking_columns') ?? [], ['schemaname', 'tablename', 'columnname']);
  const users = sorted(rows.get('mysql_masking_users') ?? [], ['username']);
  return joinedChecksum([await rowsChecksum(columns), await rowsChecksum(users)]);
}

async function serversV2Checksum(rows: LoadedRows): Promise<bigint> {
  const checksums = [await rowsChecksum(serverCells(rows))];
  for (const [table, key] of SERVER_TABLES) checksums.push(await rowsChecksum(sorted(rows.get(table) ?? [], key)));
  return joinedChecksum(checksums);
}

/** Users hashed in one turn of the event loop. */
const USERS_IN_ONE_TURN = 1_000;

/** Those of the servers' side plus those of the clients' side. Source: MySQL_Authentication::get_runtime_checksum. */
async function usersChecksum(users: readonly UserEntry[]): Promise<bigint> {
  const ordered = await byNameHash(users);
  const backend = await roleChecksum(ordered, (user) => user.backend);
  const frontend = await roleChecksum(ordered, (user) => user.frontend);
  return BigInt.asUintN(64, backend + frontend);
}

/** ProxySQL walks its users in the order of a hash of their names. */
async function byNameHash(users: readonly UserEntry[]): Promise<readonly UserEntry[]> {
  const hashes: (readonly [bigint, UserEntry])[] = [];
  for (const user of users) {
    const hash = new SpookyHash(1n, 2n);
    hash.update(Buffer.from(user.username));
    hashes.push([hash.final()[0], user]);
    if (hashes.length % USERS_IN_ONE_TURN === 0) await nextTurn();
  }
  return hashes.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, user]) => user);
}

async function roleChecksum(users: readonly UserEntry[], has: (user: UserEntry) => boolean): Promise<bigint> {
  const hash = new SpookyHash(13n, 4n);
  let count = 0;
  for (const user of users) {
    if (!has(user)) continue;
    hash.update(fixedFields(user));
    for (const text of [user.username, user.password, user.defaultSchema, user.comment, user.attributes]) {
      hash.update(Buffer.from(text));
    }
    count += 1;
    if (count % USERS_IN_ONE_TURN === 0) await nextTurn();
  }
  return count === 0 ? 0n : hash.final()[0];
}

/** bool use_ssl, int default_hostgroup, bool schema_locked, transaction_persistent, fast_forward, int max_connections. */
function fixedFields(user: UserEntry): Buffer {
  const bytes = Buffer.alloc(12);
  bytes[0] = Number(user.useSsl);
  bytes.writeInt32LE(user.defaultHostgroup | 0, 1);
  bytes[5] = Number(user.schemaLocked);
  bytes[6] = Number(user.transactionPersistent);
  bytes[7] = Number(user.fastForward);
  bytes.writeInt32LE(user.maxConnections | 0, 8);
  return bytes;
}

/** Rows by key, the columns given or all of them, as text. */
function sorted(
  rows: readonly TableRow[],
  key: readonly string[],
  columns?: readonly string[],
): (readonly ChecksumCell[])[] {
  return [...rows]
    .sort((a, b) => compareKeys(a, b, key))
    .map((row) => (columns === undefined ? Object.values(row) : columns.map((name) => row[name] ?? null)).map(textOf));
}

/** A whole number is an INTEGER here; only what the table holds as REAL has decimals. */
function textOf(cell: Cell): ChecksumCell {
  return typeof cell === 'number' && Number.isInteger(cell) ? String(cell) : cellText(cell);
}

function compareKeys(a: TableRow, b: TableRow, key: readonly string[]): number {
  for (const name of key) {
    const [left, right] = [a[name] ?? null, b[name] ?? null];
    const order =
      typeof left === 'number' && typeof right === 'number'
        ? left - right
        : compareBytes(cellToText(left), cellToText(right));
    if (order !== 0) return order;
  }
  return 0;
}

/** As SQLite's BINARY collation. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
