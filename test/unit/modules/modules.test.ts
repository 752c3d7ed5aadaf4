/**
 * Modules: rows to parts of the snapshot and back, and which rows are left out with which problem.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RuleProblem, RuntimeView } from '../../../admin/modules/module.ts';
import { mysqlQueryRules } from '../../../admin/modules/mysql-query-rules.ts';
import { mysqlServers, retiredServers } from '../../../admin/modules/mysql-servers.ts';
import { mysqlUsers } from '../../../admin/modules/mysql-users.ts';
import {
  buildQueryRules,
  buildReplicationHostgroups,
  buildServers,
  buildUsers,
  cellToInt,
  cellToText,
  queryRuleRow,
  type TableRow,
} from '../../../runtime/build-snapshot.ts';
import { formatProblem } from '../../../runtime/problem.ts';
import { EMPTY_SNAPSHOT, type RuntimeSnapshot } from '../../../runtime/snapshot.ts';
import type { ConnectionPoolRow } from '../../../runtime/stats.ts';

const USER: TableRow = {
  username: 'app',
  password: 'secret',
  active: 1,
  use_ssl: 0,
  default_hostgroup: 3,
  default_schema: null,
  schema_locked: 0,
  transaction_persistent: 1,
  fast_forward: 0,
  backend: 1,
  frontend: 1,
  max_connections: 10,
  attributes: '',
  comment: 'c',
};
const SERVER: TableRow = {
  hostgroup_id: 1,
  hostname: 'db',
  port: 3306,
  gtid_port: 0,
  status: 'online',
  weight: 5,
  compression: 0,
  max_connections: 100,
  max_replication_lag: 0,
  use_ssl: 0,
  max_latency_ms: 0,
  comment: '',
};
const RULE: TableRow = { rule_id: 5, active: 1, flagIN: 0, re_modifiers: 'CASELESS', apply: 1, attributes: '' };
const POOL: ConnectionPoolRow = {
  hostgroup: 1,
  srvHost: 'db',
  srvPort: 3306,
  status: 'ONLINE',
  connUsed: 0,
  connFree: 0,
  connOk: 0,
  connErr: 0,
  maxConnUsed: 0,
  queries: 0,
  queriesGtidSync: 0,
  bytesDataSent: 0,
  bytesDataRecv: 0,
  latencyUs: 0,
};

function view(parts: Partial<RuntimeSnapshot>, pool: readonly ConnectionPoolRow[] = []): RuntimeView {
  return { snapshot: { ...EMPTY_SNAPSHOT, ...parts }, retiredServers: [], pool, stored: new Map() };
}

describe('cells', () => {
  test('are read as numbers like C reads them', () => {
    assert.deepEqual(['12abc', ' 7', 'x', null, 3.9, 5n, Buffer.from('8')].map(cellToInt), [12, 7, 0, 0, 3, 5, 8]);
  });

  test('are read as text, BLOBs as UTF-8', () => {
    assert.deepEqual([null, 'a', 7, Buffer.from('$A$005$')].map(cellToText), ['', 'a', '7', '$A$005$']);
  });
});

describe('MYSQL USERS', () => {
  test('inactive users are absent and no problem', () => {
    assert.deepEqual(buildUsers([{ ...USER, active: 0 }]), { entries: [], problems: [] });
  });

  test('a user for nothing and a user of a negative hostgroup are left out with a problem', () => {
    const { entries, problems } = buildUsers([
      { ...USER, username: 'neither', backend: 0, frontend: 0 },
      { ...USER, username: 'negative', default_hostgroup: -1 },
      USER,
    ]);
    assert.deepEqual(
      entries.map(({ username }) => username),
      ['app'],
    );
    assert.deepEqual(
      problems.map(({ key, column }) => [key, column]),
      [
        ['neither', 'frontend'],
        ['negative', 'default_hostgroup'],
      ],
    );
  });

  test('no problem says a password', () => {
    const { problems } = buildUsers([{ ...USER, default_hostgroup: -1 }]);
    assert.ok(!JSON.stringify(problems).includes('secret'));
  });

  test('the runtime shows two rows a user, frontends first, NULL as empty', () => {
    const { entries } = buildUsers([
      USER,
      { ...USER, username: 'fe', backend: 0 },
      { ...USER, username: 'be', frontend: 0 },
    ]);
    const rows = mysqlUsers.tables[0].runtimeRows(view({ users: entries }));
    assert.deepEqual(
      rows.map(({ username, backend, frontend, default_schema }) => [username, backend, frontend, default_schema]),
      [
        ['app', 0, 1, ''],
        ['fe', 0, 1, ''],
        ['app', 1, 0, ''],
        ['be', 1, 0, ''],
      ],
    );
  });
});

describe('MYSQL SERVERS', () => {
  test('the status is upper case in the runtime', () => {
    const { entries } = buildServers([SERVER]);
    assert.equal(mysqlServers.tables[0].runtimeRows(view({ servers: entries }))[0]?.status, 'ONLINE');
  });

  test('bad rows are left out with a problem', () => {
    const { entries, problems } = buildServers([
      { ...SERVER, hostname: '' },
      { ...SERVER, port: 70_000 },
      { ...SERVER, status: 'UP' },
    ]);
    assert.deepEqual(entries, []);
    assert.deepEqual(
      problems.map(({ column }) => column),
      ['hostname', 'port', 'status'],
    );
  });

  test('what workers shun is shown as SHUNNED and saved as ONLINE', () => {
    const { entries } = buildServers([SERVER]);
    for (const status of ['SHUNNED', 'SHUNNED_REPLICATION_LAG']) {
      const seen = view({ servers: entries }, [{ ...POOL, status }]);
      assert.equal(mysqlServers.tables[0].runtimeRows(seen)[0]?.status, 'SHUNNED');
      assert.equal(mysqlServers.tables[0].savedRows(seen)[0]?.status, 'ONLINE');
    }
  });

  test('OFFLINE_HARD servers are in the snapshot and shown only while a connection is in use', () => {
    const { entries } = buildServers([{ ...SERVER, status: 'OFFLINE_HARD' }]);
    assert.equal(entries.length, 1);
    assert.deepEqual(mysqlServers.tables[0].runtimeRows(view({ servers: entries })), []);
    const used = view({ servers: entries }, [{ ...POOL, status: 'OFFLINE_HARD', connUsed: 1 }]);
    assert.equal(mysqlServers.tables[0].runtimeRows(used)[0]?.status, 'OFFLINE_HARD');
    assert.deepEqual(mysqlServers.tables[0].savedRows(used), []);
  });

  test('a server taken out is shown as OFFLINE_HARD while a connection is in use, and is not saved', () => {
    const { entries } = buildServers([SERVER, { ...SERVER, hostname: 'other' }]);
    const [gone, stays] = entries;
    const gonePool = { ...POOL, status: 'OFFLINE_HARD', connUsed: 1 };
    const retired = retiredServers([gone!, stays!, gone!], [stays!]);
    assert.deepEqual(retired, [gone]);
    const seen = { ...view({ servers: [stays!] }, [gonePool]), retiredServers: retired };
    const shown = mysqlServers.tables[0].runtimeRows(seen);
    assert.deepEqual(
      shown.map(({ hostname, status }) => [hostname, status]),
      [
        ['other', 'ONLINE'],
        ['db', 'OFFLINE_HARD'],
      ],
    );
    assert.deepEqual(
      mysqlServers.tables[0].savedRows(seen).map(({ hostname }) => hostname),
      ['other'],
    );
    assert.deepEqual(mysqlServers.tables[0].runtimeRows({ ...seen, pool: [] }).length, 1);
  });

  test('a pair whose writer is the reader of another is left out', () => {
    const pair = { check_type: 'read_only', comment: '' };
    const { entries, problems } = buildReplicationHostgroups([
      { writer_hostgroup: 10, reader_hostgroup: 20, ...pair },
      { writer_hostgroup: 20, reader_hostgroup: 30, ...pair },
    ]);
    assert.deepEqual(
      entries.map(({ writerHostgroup }) => writerHostgroup),
      [10],
    );
    assert.deepEqual(
      problems.map(({ key }) => key),
      ['20'],
    );
  });
});

describe('MYSQL QUERY RULES', () => {
  const modifiers: readonly (readonly [string | null, string])[] = [
    ['CASELESS', 'CASELESS'],
    ['GLOBAL', 'GLOBAL'],
    ['CASELESS,GLOBAL', 'CASELESS,GLOBAL'],
    ['global,caseless', 'CASELESS,GLOBAL'],
    ['CASELESS, GLOBAL', 'CASELESS'],
    ['foo', ''],
    ['', ''],
    [null, ''],
  ];
  for (const [stored, shown] of modifiers) {
    test(`re_modifiers ${JSON.stringify(stored)} are shown as ${JSON.stringify(shown)}`, () => {
      const { entries } = buildQueryRules([{ ...RULE, re_modifiers: stored }]);
      assert.equal(entries[0] === undefined ? undefined : queryRuleRow(entries[0]).re_modifiers, shown);
    });
  }

  test('inactive rules are absent, the others in the order of their ids', () => {
    const { entries } = buildQueryRules([
      { ...RULE, rule_id: 9 },
      { ...RULE, rule_id: 2 },
      { ...RULE, rule_id: 1, active: 0 },
    ]);
    assert.deepEqual(
      entries.map(({ ruleId }) => ruleId),
      [2, 9],
    );
  });

  test('a client_addr with % inside or too long leaves the rule out', () => {
    const { entries, problems } = buildQueryRules([
      { ...RULE, rule_id: 1, client_addr: '127.%.1' },
      { ...RULE, rule_id: 2, client_addr: '1'.repeat(47) },
      { ...RULE, rule_id: 3, client_addr: '127.0.%' },
    ]);
    assert.deepEqual(
      entries.map(({ ruleId }) => ruleId),
      [3],
    );
    assert.deepEqual(
      problems.map(({ key, column }) => [key, column]),
      [
        ['1', 'client_addr'],
        ['2', 'client_addr'],
      ],
    );
  });

  test('digests are shown with 16 digits, -1 as NULL', () => {
    const { entries } = buildQueryRules([{ ...RULE, digest: '0xab', destination_hostgroup: -1, flagOUT: 7 }]);
    const row = queryRuleRow(entries[0]!);
    assert.equal(row.digest, '0x00000000000000AB');
    assert.equal(row.destination_hostgroup, null);
    assert.equal(row.flagOUT, 7);
  });

  test('a rule that cannot be compiled is reported and stays', () => {
    const asked: unknown[] = [];
    const checkRules = (_rules: unknown, options: unknown): RuleProblem[] => {
      asked.push(options);
      return [{ ruleId: 5, column: 'match_pattern', reason: 'missing )' }];
    };
    const { parts, problems } = mysqlQueryRules.build(
      new Map([['mysql_query_rules', [{ ...RULE, match_pattern: '(' }]]]),
      {
        ...EMPTY_SNAPSHOT,
        mysqlVariables: { query_processor_regex: '2', query_processor_iterations: '4' },
        checkRules,
      },
    );
    assert.equal(parts.queryRules?.length, 1);
    assert.deepEqual(asked, [{ iterations: 4, regexEngine: 2 }]);
    assert.deepEqual(problems, [
      { table: 'mysql_query_rules', key: '5', column: 'match_pattern', reason: 'missing )', severity: 'error' },
    ]);
  });
});

describe('gtid_from_hostgroup without a gtid_port', () => {
  const server = (hostname: string, more: TableRow = {}) => ({ ...SERVER, hostname, ...more });
  const rules = [
    { ...RULE, destination_hostgroup: 1, gtid_from_hostgroup: 0 },
    { ...RULE, rule_id: 6, destination_hostgroup: 1 },
  ];

  /** What a LOAD of the rules says after one of the servers, and what a LOAD of the servers says after one of the rules. */
  function said(servers: readonly TableRow[]): string[][] {
    const before = { ...EMPTY_SNAPSHOT, checkRules: () => [] };
    const serverRows = new Map([['mysql_servers', servers]]);
    const ruleRows = new Map([['mysql_query_rules', rules]]);
    const { servers: loaded = [] } = mysqlServers.build(serverRows, before).parts;
    const { queryRules = [] } = mysqlQueryRules.build(ruleRows, before).parts;
    return [
      mysqlQueryRules.build(ruleRows, { ...before, servers: loaded }).problems.map(formatProblem),
      mysqlServers.build(serverRows, { ...before, queryRules }).problems.map(formatProblem),
    ];
  }

  test('a rule whose servers all have none is named, and each of the servers', () => {
    assert.deepEqual(said([server('a'), server('b'), server('c', { hostgroup_id: 2 })]), [
      [
        "mysql_query_rules 5: gtid_from_hostgroup: no server of hostgroup 1 has a gtid_port (a:3306, b:3306): statements do not wait there for the session's writes",
      ],
      ['a', 'b'].map(
        (name) =>
          `mysql_servers 1:${name}:3306: gtid_port: is 0, as for all of hostgroup 1: statements by query rule 5 do not wait there for the session's writes`,
      ),
    ]);
  });

  test('among others that have one, a server without it is named', () => {
    const gone = server('gone', { status: 'OFFLINE_HARD' });
    assert.deepEqual(said([server('a', { gtid_port: 3307 }), server('b'), gone]), [
      [
        'mysql_query_rules 5: gtid_from_hostgroup: of hostgroup 1 without a gtid_port: b:3306; once a session has written, its statements by this rule do not go there',
      ],
      [
        'mysql_servers 1:b:3306: gtid_port: is 0: once a session has written, its statements by query rule 5 do not go there',
      ],
    ]);
  });

  test('where every server has one, or there is none, nothing is said', () => {
    assert.deepEqual(said([server('a', { gtid_port: 3307 })]), [[], []]);
    assert.deepEqual(said([]), [[], []]);
  });
});
