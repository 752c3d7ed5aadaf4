/**
 * The RuntimeSnapshot: what is true now, as plain data. It is built by the admin plane and read by every worker.
 * It does not know where the rows come from (admin/modules) nor how they are used (src/).
 *
 * Everything here survives `structuredClone` unchanged: no classes, functions, Maps or Buffers.
 */
import type { MaskingColumnEntry, MaskingUserEntry } from './masking.ts';

/** The number of one runtime state. Grows by one with every publish. */
export type Generation = number & { readonly __brand: 'Generation' };

export function generation(n: number): Generation {
  return n as Generation;
}

/** One row of mysql_users that is active. Source: ProxySQL's table of that name. */
export interface UserEntry {
  readonly username: string;
  /** As stored: clear text, `*` + 40 hex digits (native), `$A$005$…` (caching_sha2), or ''. */
  readonly password: string;
  readonly useSsl: boolean;
  readonly defaultHostgroup: number;
  /** '' means the variable mysql-default_schema. */
  readonly defaultSchema: string;
  readonly schemaLocked: boolean;
  readonly transactionPersistent: boolean;
  readonly fastForward: boolean;
  /** The row may be used to log in to backends. */
  readonly backend: boolean;
  /** The row may be used to log in to the proxy. */
  readonly frontend: boolean;
  readonly maxConnections: number;
  /** JSON text or ''. */
  readonly attributes: string;
  readonly comment: string;
}

export const SERVER_STATUSES = ['ONLINE', 'SHUNNED', 'OFFLINE_SOFT', 'OFFLINE_HARD'] as const;
export type ServerStatus = (typeof SERVER_STATUSES)[number];

/** One row of mysql_servers. `port` 0 means `hostname` is the path of a Unix socket. */
export interface ServerEntry {
  readonly hostgroup: number;
  readonly hostname: string;
  readonly port: number;
  readonly gtidPort: number;
  readonly status: ServerStatus;
  readonly weight: number;
  readonly compression: boolean;
  readonly maxConnections: number;
  readonly maxReplicationLagS: number;
  readonly useSsl: boolean;
  readonly maxLatencyMs: number;
  readonly comment: string;
}

export interface ReplicationHostgroupEntry {
  readonly writerHostgroup: number;
  readonly readerHostgroup: number;
  readonly checkType: string;
  readonly comment: string;
}

/** Of a row of mysql_hostgroup_attributes, what the data plane acts on. */
/** One row of mysql_servers_ssl_params: files for TLS with a server; '' means none. */
export interface ServerSslParamsEntry {
  readonly hostname: string;
  readonly port: number;
  /** '' is any user without a row of its own. */
  readonly username: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly capath: string;
  readonly crl: string;
  readonly crlpath: string;
  readonly cipher: string;
  readonly tlsVersion: string;
}

export interface HostgroupAttributesEntry {
  readonly hostgroup: number;
  /** hostgroup_settings: {"pipelining": 0|1}. Undefined leaves it to the probe of each server. */
  readonly pipelining: boolean | undefined;
  /** throttle_connections_per_sec: over all workers. */
  readonly connectsPerSecond: number;
}

/** One active row of mysql_query_rules; `null` means the criterion is not tested or the action not taken. */
export interface QueryRuleEntry {
  readonly ruleId: number;
  readonly username: string | null;
  readonly schemaname: string | null;
  readonly flagIn: number;
  readonly clientAddr: string | null;
  readonly proxyAddr: string | null;
  readonly proxyPort: number | null;
  /** As stored, e.g. `0x1D2CC217C860282`. */
  readonly digest: string | null;
  readonly matchDigest: string | null;
  readonly matchPattern: string | null;
  readonly negateMatchPattern: boolean;
  readonly caseless: boolean;
  readonly global: boolean;
  readonly flagOut: number | null;
  readonly replacePattern: string | null;
  readonly destinationHostgroup: number | null;
  readonly cacheTtlMs: number | null;
  readonly cacheEmptyResult: number | null;
  readonly cacheTimeoutMs: number | null;
  readonly reconnect: number | null;
  readonly timeoutMs: number | null;
  readonly retries: number | null;
  readonly delayMs: number | null;
  readonly nextQueryFlagIn: number | null;
  readonly mirrorFlagOut: number | null;
  readonly mirrorHostgroup: number | null;
  readonly errorMsg: string | null;
  readonly okMsg: string | null;
  readonly stickyConn: number | null;
  readonly multiplex: number | null;
  readonly gtidFromHostgroup: number | null;
  readonly log: number | null;
  readonly apply: boolean;
  /** JSON text or ''. */
  readonly attributes: string;
  readonly comment: string | null;
}

export const FIREWALL_MODES = ['OFF', 'DETECTING', 'PROTECTING'] as const;

/** One active row of mysql_firewall_whitelist_users. */
export interface FirewallUserEntry {
  readonly username: string;
  /** '' is any address. */
  readonly clientAddress: string;
  readonly mode: (typeof FIREWALL_MODES)[number];
}

/** One active row of mysql_firewall_whitelist_rules: a statement that is allowed. */
export interface FirewallRuleEntry {
  readonly username: string;
  readonly clientAddress: string;
  readonly schemaname: string;
  readonly flagIn: number;
  /** `0x` and 16 upper-case hexadecimal digits. */
  readonly digest: string;
}

/** One row of mysql_query_rules_fast_routing. */
export interface FastRoutingEntry {
  readonly username: string;
  readonly schemaname: string;
  readonly flagIn: number;
  readonly destinationHostgroup: number;
  readonly comment: string;
}

/** Variables by name without their prefix; values normalised as `SHOW VARIABLES` prints them. */
export type VariableValues = Readonly<Record<string, string>>;

/** The parts a LOAD … TO RUNTIME replaces, each as a whole. */
export interface SnapshotParts {
  readonly users: readonly UserEntry[];
  readonly servers: readonly ServerEntry[];
  readonly replicationHostgroups: readonly ReplicationHostgroupEntry[];
  readonly hostgroupAttributes: readonly HostgroupAttributesEntry[];
  readonly serverSslParams: readonly ServerSslParamsEntry[];
  readonly queryRules: readonly QueryRuleEntry[];
  readonly fastRouting: readonly FastRoutingEntry[];
  readonly firewallUsers: readonly FirewallUserEntry[];
  readonly firewallRules: readonly FirewallRuleEntry[];
  readonly maskingColumns: readonly MaskingColumnEntry[];
  readonly maskingUsers: readonly MaskingUserEntry[];
  readonly mysqlVariables: VariableValues;
  readonly sluiceVariables: VariableValues;
}

export type PartName = keyof SnapshotParts;

/** The parts that are families of variables; the others are lists. */
export const VARIABLE_PARTS = ['mysqlVariables', 'sluiceVariables'] as const;
export type VariablePartName = (typeof VARIABLE_PARTS)[number];
export type VariableParts = Partial<Pick<SnapshotParts, VariablePartName>>;

/** The families of variables among some parts. */
export function variablePartsOf(parts: Partial<SnapshotParts>): VariableParts {
  const found: { -readonly [P in VariablePartName]?: VariableValues } = {};
  for (const part of VARIABLE_PARTS) {
    const values = parts[part];
    if (values !== undefined) found[part] = values;
  }
  return found;
}

export interface RuntimeSnapshot extends SnapshotParts {
  readonly generation: Generation;
}

export const EMPTY_SNAPSHOT: RuntimeSnapshot = {
  generation: generation(0),
  users: [],
  servers: [],
  replicationHostgroups: [],
  hostgroupAttributes: [],
  serverSslParams: [],
  queryRules: [],
  maskingColumns: [],
  maskingUsers: [],
  fastRouting: [],
  firewallUsers: [],
  firewallRules: [],
  mysqlVariables: {},
  sluiceVariables: {},
};
