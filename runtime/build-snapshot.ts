/**
 * Rows of the configuration tables become entries of the snapshot, and entries become the rows the runtime_ tables
 * show. A row that cannot be used is left out and reported as a Problem; nothing here throws for bad input.
 * It does not read databases (admin/promotion.ts) and compiles no rules (src/rules).
 */
import type { Problem } from './problem.ts';
import {
  type FastRoutingEntry,
  type QueryRuleEntry,
  type ReplicationHostgroupEntry,
  SERVER_STATUSES,
  type ServerEntry,
  type ServerStatus,
  type UserEntry,
} from './snapshot.ts';

/** A value as SQLite gives and takes it. */
export type Cell = string | number | bigint | Buffer | null;
/** A row by column name. */
export type TableRow = Readonly<Record<string, Cell>>;

export interface Built<Entry> {
  readonly entries: readonly Entry[];
  readonly problems: readonly Problem[];
}

/** Longest client_addr of a query rule: INET6_ADDRSTRLEN, as in ProxySQL. */
const CLIENT_ADDR_CHARS_MAX = 46;

/**
 * SQLite does not enforce column types, so a number may arrive as text: read like C's atoi, as ProxySQL does.
 * Returns 0 for what is no number.
 */
export function cellToInt(cell: Cell | undefined): number {
  if (typeof cell === 'number') return Math.trunc(cell);
  if (typeof cell === 'bigint') return Number(cell);
  if (cell === null || cell === undefined) return 0;
  const match = /^\s*[+-]?\d+/.exec(cellToText(cell));
  return match === null ? 0 : Number(match[0]);
}

/** Text of a cell; NULL is the empty text. A BLOB is taken as UTF-8. */
export function cellToText(cell: Cell | undefined): string {
  if (typeof cell === 'string') return cell;
  if (cell === null || cell === undefined) return '';
  return Buffer.isBuffer(cell) ? cell.toString('utf8') : String(cell);
}

function textOrNull(cell: Cell | undefined): string | null {
  return cell === null || cell === undefined ? null : cellToText(cell);
}

/** ProxySQL keeps "not set" as -1 and shows -1 as NULL. */
function intOrNull(cell: Cell | undefined): number | null {
  if (cell === null || cell === undefined) return null;
  const value = cellToInt(cell);
  return value < 0 ? null : value;
}

function flag(cell: Cell | undefined): boolean {
  return cellToInt(cell) !== 0;
}

function bit(value: boolean): number {
  return value ? 1 : 0;
}

/** Active users that can be used for something. Inactive ones are absent without being a problem. */
export function buildUsers(rows: readonly TableRow[]): Built<UserEntry> {
  const entries: UserEntry[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    if (!flag(row.active)) continue;
    const username = cellToText(row.username);
    const refuse = (column: string, reason: string): void => {
      problems.push({ table: 'mysql_users', key: username, column, reason, severity: 'error' });
    };
    const entry: UserEntry = {
      username,
      password: cellToText(row.password),
      useSsl: flag(row.use_ssl),
      defaultHostgroup: cellToInt(row.default_hostgroup),
      defaultSchema: cellToText(row.default_schema),
      schemaLocked: flag(row.schema_locked),
      transactionPersistent: flag(row.transaction_persistent),
      fastForward: flag(row.fast_forward),
      backend: flag(row.backend),
      frontend: flag(row.frontend),
      maxConnections: cellToInt(row.max_connections),
      attributes: cellToText(row.attributes),
      comment: cellToText(row.comment),
    };
    if (entry.defaultHostgroup < 0) refuse('default_hostgroup', 'is negative; the user is not loaded');
    else if (!entry.backend && !entry.frontend) refuse('frontend', 'and backend are both 0; the user is not loaded');
    else entries.push(entry);
  }
  return { entries, problems };
}

/** Rows of runtime_mysql_users: all that can log in to the proxy, then all that can log in to servers. */
export function userRows(users: readonly UserEntry[]): TableRow[] {
  const rows: TableRow[] = [];
  for (const user of users) if (user.frontend) rows.push(userRow(user, 0, 1));
  for (const user of users) if (user.backend) rows.push(userRow(user, 1, 0));
  return rows;
}

function userRow(user: UserEntry, backend: 0 | 1, frontend: 0 | 1): TableRow {
  return {
    username: user.username,
    password: user.password,
    active: 1,
    use_ssl: bit(user.useSsl),
    default_hostgroup: user.defaultHostgroup,
    default_schema: user.defaultSchema,
    schema_locked: bit(user.schemaLocked),
    transaction_persistent: bit(user.transactionPersistent),
    fast_forward: bit(user.fastForward),
    backend,
    frontend,
    max_connections: user.maxConnections,
    attributes: user.attributes,
    comment: user.comment,
  };
}

/** Servers of all states; OFFLINE_HARD ones too, so that workers drop their connections. */
export function buildServers(rows: readonly TableRow[]): Built<ServerEntry> {
  const entries: ServerEntry[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    const hostgroup = cellToInt(row.hostgroup_id);
    const hostname = cellToText(row.hostname);
    const port = cellToInt(row.port);
    const refuse = (column: string, reason: string): void => {
      problems.push({
        table: 'mysql_servers',
        key: `${hostgroup}:${hostname}:${port}`,
        column,
        reason,
        severity: 'error',
      });
    };
    const status = readStatus(cellToText(row.status));
    if (hostname === '') refuse('hostname', 'is empty; the server is not loaded');
    else if (port < 0 || port > 65_535) refuse('port', 'is not within 0..65535; the server is not loaded');
    else if (status === undefined)
      refuse('status', `is none of ${SERVER_STATUSES.join(', ')}; the server is not loaded`);
    else
      entries.push({
        hostgroup,
        hostname,
        port,
        gtidPort: cellToInt(row.gtid_port),
        status,
        weight: cellToInt(row.weight),
        compression: flag(row.compression),
        maxConnections: cellToInt(row.max_connections),
        maxReplicationLagS: cellToInt(row.max_replication_lag),
        useSsl: flag(row.use_ssl),
        maxLatencyMs: cellToInt(row.max_latency_ms),
        comment: cellToText(row.comment),
      });
  }
  return { entries, problems };
}

function readStatus(word: string): ServerStatus | undefined {
  const upper = word.toUpperCase();
  return SERVER_STATUSES.find((status) => status === upper);
}

/** One row of runtime_mysql_servers or mysql_servers, with the status given. */
export function serverRow(server: ServerEntry, status: ServerStatus): TableRow {
  return {
    hostgroup_id: server.hostgroup,
    hostname: server.hostname,
    port: server.port,
    gtid_port: server.gtidPort,
    status,
    weight: server.weight,
    compression: bit(server.compression),
    max_connections: server.maxConnections,
    max_replication_lag: server.maxReplicationLagS,
    use_ssl: bit(server.useSsl),
    max_latency_ms: server.maxLatencyMs,
    comment: server.comment,
  };
}

/** A pair whose writer hostgroup is another pair's reader hostgroup is left out, as in ProxySQL. */
export function buildReplicationHostgroups(rows: readonly TableRow[]): Built<ReplicationHostgroupEntry> {
  const readers = new Set(rows.map((row) => cellToInt(row.reader_hostgroup)));
  const entries: ReplicationHostgroupEntry[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    const writerHostgroup = cellToInt(row.writer_hostgroup);
    if (readers.has(writerHostgroup)) {
      problems.push({
        table: 'mysql_replication_hostgroups',
        key: String(writerHostgroup),
        column: 'writer_hostgroup',
        reason: 'is the reader_hostgroup of another pair; the pair is not loaded',
        severity: 'error',
      });
      continue;
    }
    entries.push({
      writerHostgroup,
      readerHostgroup: cellToInt(row.reader_hostgroup),
      checkType: cellToText(row.check_type),
      comment: cellToText(row.comment),
    });
  }
  return { entries, problems };
}

export function replicationHostgroupRow(entry: ReplicationHostgroupEntry): TableRow {
  return {
    writer_hostgroup: entry.writerHostgroup,
    reader_hostgroup: entry.readerHostgroup,
    check_type: entry.checkType,
    comment: entry.comment,
  };
}

/** Active rules by rule_id. Patterns are not compiled here. */
export function buildQueryRules(rows: readonly TableRow[]): Built<QueryRuleEntry> {
  const entries: QueryRuleEntry[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    if (!flag(row.active)) continue;
    const key = String(cellToInt(row.rule_id));
    const report = (column: string, reason: string, severity: Problem['severity']): void => {
      problems.push({ table: 'mysql_query_rules', key, column, reason, severity });
    };
    const clientAddr = textOrNull(row.client_addr);
    if (clientAddr !== null && clientAddr.length > CLIENT_ADDR_CHARS_MAX) {
      report('client_addr', `is longer than ${CLIENT_ADDR_CHARS_MAX} characters; the rule is not loaded`, 'error');
      continue;
    }
    if (clientAddr?.slice(0, -1).includes('%')) {
      report('client_addr', 'has a % that is not at its end; the rule is not loaded', 'error');
      continue;
    }
    const modifiers = readModifiers(textOrNull(row.re_modifiers));
    for (const word of modifiers.unknown) {
      report('re_modifiers', `${JSON.stringify(word)} is neither CASELESS nor GLOBAL and is ignored`, 'warning');
    }
    entries.push(queryRule(row, clientAddr, modifiers));
  }
  entries.sort((a, b) => a.ruleId - b.ruleId);
  return { entries, problems };
}

function queryRule(
  row: TableRow,
  clientAddr: string | null,
  modifiers: { readonly caseless: boolean; readonly global: boolean },
): QueryRuleEntry {
  return {
    ruleId: cellToInt(row.rule_id),
    username: textOrNull(row.username),
    schemaname: textOrNull(row.schemaname),
    flagIn: cellToInt(row.flagIN),
    clientAddr,
    proxyAddr: textOrNull(row.proxy_addr),
    proxyPort: intOrNull(row.proxy_port),
    digest: textOrNull(row.digest),
    matchDigest: textOrNull(row.match_digest),
    matchPattern: textOrNull(row.match_pattern),
    negateMatchPattern: flag(row.negate_match_pattern),
    caseless: modifiers.caseless,
    global: modifiers.global,
    flagOut: intOrNull(row.flagOUT),
    replacePattern: textOrNull(row.replace_pattern),
    destinationHostgroup: intOrNull(row.destination_hostgroup),
    cacheTtlMs: intOrNull(row.cache_ttl),
    cacheEmptyResult: intOrNull(row.cache_empty_result),
    cacheTimeoutMs: intOrNull(row.cache_timeout),
    reconnect: intOrNull(row.reconnect),
    timeoutMs: intOrNull(row.timeout),
    retries: intOrNull(row.retries),
    delayMs: intOrNull(row.delay),
    nextQueryFlagIn: intOrNull(row.next_query_flagIN),
    mirrorFlagOut: intOrNull(row.mirror_flagOUT),
    mirrorHostgroup: intOrNull(row.mirror_hostgroup),
    errorMsg: textOrNull(row.error_msg),
    okMsg: textOrNull(row.OK_msg),
    stickyConn: intOrNull(row.sticky_conn),
    multiplex: intOrNull(row.multiplex),
    gtidFromHostgroup: intOrNull(row.gtid_from_hostgroup),
    log: intOrNull(row.log),
    apply: flag(row.apply),
    attributes: cellToText(row.attributes),
    comment: textOrNull(row.comment),
  };
}

export function buildFastRouting(rows: readonly TableRow[]): readonly FastRoutingEntry[] {
  const entries = rows.map((row) => ({
    username: cellToText(row.username),
    schemaname: cellToText(row.schemaname),
    flagIn: cellToInt(row.flagIN),
    destinationHostgroup: cellToInt(row.destination_hostgroup),
    comment: cellToText(row.comment),
  }));
  // As ProxySQL reads them: ORDER BY username, schemaname, flagIN.
  return entries.sort(
    (a, b) => order(a.username, b.username) || order(a.schemaname, b.schemaname) || a.flagIn - b.flagIn,
  );
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function fastRoutingRow(entry: FastRoutingEntry): TableRow {
  return {
    username: entry.username,
    schemaname: entry.schemaname,
    flagIN: entry.flagIn,
    destination_hostgroup: entry.destinationHostgroup,
    comment: entry.comment,
  };
}

/** Words between commas, in any case, blanks not forgiven: `CASELESS, GLOBAL` is CASELESS only, as in ProxySQL. */
function readModifiers(list: string | null): { caseless: boolean; global: boolean; unknown: readonly string[] } {
  const words = (list ?? '').split(',').filter((word) => word !== '');
  const known = new Set(words.map((word) => word.toUpperCase()));
  return {
    caseless: known.has('CASELESS'),
    global: known.has('GLOBAL'),
    unknown: words.filter((word) => !['CASELESS', 'GLOBAL'].includes(word.toUpperCase())),
  };
}

/** The digest as ProxySQL shows it, or as stored when it is no number. */
function canonicalDigest(digest: string | null): string | null {
  if (digest === null || !/^(0[xX][0-9a-fA-F]{1,16}|\d{1,19})$/.test(digest)) return digest;
  return `0x${BigInt(digest).toString(16).toUpperCase().padStart(16, '0')}`;
}

/** One row of runtime_mysql_query_rules, modifiers and digest in canonical form. */
export function queryRuleRow(rule: QueryRuleEntry): TableRow {
  const modifiers = [...(rule.caseless ? ['CASELESS'] : []), ...(rule.global ? ['GLOBAL'] : [])].join(',');
  return {
    rule_id: rule.ruleId,
    active: 1,
    username: rule.username,
    schemaname: rule.schemaname,
    flagIN: rule.flagIn,
    client_addr: rule.clientAddr,
    proxy_addr: rule.proxyAddr,
    proxy_port: rule.proxyPort,
    digest: canonicalDigest(rule.digest),
    match_digest: rule.matchDigest,
    match_pattern: rule.matchPattern,
    negate_match_pattern: bit(rule.negateMatchPattern),
    re_modifiers: modifiers,
    flagOUT: rule.flagOut,
    replace_pattern: rule.replacePattern,
    destination_hostgroup: rule.destinationHostgroup,
    cache_ttl: rule.cacheTtlMs,
    cache_empty_result: rule.cacheEmptyResult,
    cache_timeout: rule.cacheTimeoutMs,
    reconnect: rule.reconnect,
    timeout: rule.timeoutMs,
    retries: rule.retries,
    delay: rule.delayMs,
    next_query_flagIN: rule.nextQueryFlagIn,
    mirror_flagOUT: rule.mirrorFlagOut,
    mirror_hostgroup: rule.mirrorHostgroup,
    error_msg: rule.errorMsg,
    OK_msg: rule.okMsg,
    sticky_conn: rule.stickyConn,
    multiplex: rule.multiplex,
    gtid_from_hostgroup: rule.gtidFromHostgroup,
    log: rule.log,
    apply: bit(rule.apply),
    attributes: rule.attributes,
    comment: rule.comment,
  };
}
