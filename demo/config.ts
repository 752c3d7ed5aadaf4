/**
 * The demo's config file: servers, users and rules as an operator would write them. It is read by sluice like any other.
 */

export const PRIMARY_HOSTGROUP = 10;
export const REPLICA_HOSTGROUP = 20;

/** Accounts of the backends. `analyst` is not known to sluice yet: the guide lets the reader add it. */
export const ACCOUNTS: Readonly<Record<string, string>> = {
  developer: 'developer',
  app: 'app',
  analyst: 'analyst',
};

export interface DemoAddresses {
  readonly dataDir: string;
  readonly adminPort: number;
  readonly mysqlPort: number;
  readonly primaryPort: number;
  readonly replicaPorts: readonly number[];
}

/** A group of settings; texts are quoted and escaped. */
type Settings = Readonly<Record<string, string | number>>;

const READS = 'SELECT|SHOW|DESC|DESCRIBE|EXPLAIN|SET|USE|HELP|BEGIN|START|COMMIT|ROLLBACK';
const ACCOUNT = String.raw`((?:\w+\.)?\bbank_account_number)\b`;

/** Rules for the developer, in the order in which they are tried. */
export const RULES: readonly Settings[] = [
  {
    rule_id: 10,
    match_digest: String.raw`^\s*\(?\s*(?:${READS})\b`,
    negate_match_pattern: 1,
    error_msg: 'This account may only read: it goes to the replicas',
    comment: 'writes are refused',
  },
  {
    rule_id: 20,
    match_digest: String.raw`\b(?:SUM|AVG|MIN|MAX|GROUP_CONCAT)\s*\([^)]*\bbank_account_number\b`,
    error_msg: 'No sum or other aggregate over bank_account_number',
    comment: 'aggregates would show what the mask hides',
  },
  {
    rule_id: 30,
    match_digest: String.raw`\b(?:WHERE|HAVING|ON|USING|ORDER\s+BY|GROUP\s+BY)\b[\s\S]*\bbank_account_number\b`,
    error_msg: 'No filter, order or group by bank_account_number',
    comment: 'filters let a number be guessed digit by digit',
  },
  {
    rule_id: 40,
    match_digest: String.raw`(?:^|[\s,.])\*\s*(?:,|FROM\b)[\s\S]*\bpatients\b`,
    error_msg: 'Name the columns: * would show bank_account_number',
    comment: 'a star cannot be masked by rewriting',
  },
  {
    rule_id: 50,
    match_pattern: String.raw`${ACCOUNT}(?!\s+AS\b)`,
    replace_pattern: String.raw`CONCAT('********', RIGHT(\1, 4)) AS bank_account_number`,
    re_modifiers: 'CASELESS,GLOBAL',
    apply: 0,
    comment: 'the mask',
  },
  {
    rule_id: 51,
    match_pattern: String.raw`${ACCOUNT}(?=\s+AS\b)`,
    replace_pattern: String.raw`CONCAT('********', RIGHT(\1, 4))`,
    re_modifiers: 'CASELESS,GLOBAL',
    comment: 'the mask of a column that has an alias already',
  },
];

/** Text of the config file. */
export function demoConfig(addresses: DemoAddresses): string {
  const servers: Settings[] = [
    { address: '127.0.0.1', port: addresses.primaryPort, hostgroup: PRIMARY_HOSTGROUP, comment: 'primary' },
    ...addresses.replicaPorts.map((port, index) => ({
      address: '127.0.0.1',
      port,
      hostgroup: REPLICA_HOSTGROUP,
      weight: 1,
      comment: `replica-${index + 1}`,
    })),
  ];
  const users: Settings[] = [
    {
      username: 'developer',
      password: 'developer',
      default_hostgroup: REPLICA_HOSTGROUP,
      default_schema: 'clinic',
      comment: 'reads, masked',
    },
    {
      username: 'app',
      password: 'app',
      default_hostgroup: PRIMARY_HOSTGROUP,
      default_schema: 'clinic',
      comment: 'reads and writes',
    },
  ];
  const rules = RULES.map((rule) => ({ active: 1, username: 'developer', apply: 1, ...rule }));
  return `# Written by the sluice demo; read once, at its first start.
datadir = ${quote(addresses.dataDir)}
admin_variables = ${group({ admin_credentials: 'admin:admin', mysql_ifaces: `127.0.0.1:${addresses.adminPort}` })}
mysql_variables = ${group({ interfaces: `127.0.0.1:${addresses.mysqlPort}`, threads: 2, default_schema: 'clinic' })}
mysql_servers =${list(servers)}
mysql_users =${list(users)}
mysql_query_rules =${list(rules)}
`;
}

function list(groups: readonly Settings[]): string {
  return ` (\n  ${groups.map(group).join(',\n  ')}\n)`;
}

function group(settings: Settings): string {
  const entries = Object.entries(settings).map(
    ([name, value]) => `${name} = ${typeof value === 'number' ? value : quote(value)};`,
  );
  return `{ ${entries.join(' ')} }`;
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
