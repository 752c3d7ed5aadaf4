/**
 * Promotion on a real SQLite and a data plane that only remembers: what moves along which edge, in which order, and what
 * stays when something fails.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { openConfigFile } from '../../../admin/config-file/config-file.ts';
import { type AdminDatabase, openAdminDatabase } from '../../../admin/db/open.ts';
import type { ModuleName } from '../../../admin/modules/index.ts';
import { createPromotion, type Edge, type Promotion, PromotionRefused } from '../../../admin/promotion.ts';
import { writeTables } from '../../../admin/table-store.ts';
import { VARIABLES } from '../../../admin/variables/spec.ts';
import type { DataPlane } from '../../../runtime/plane.ts';
import {
  EMPTY_SNAPSHOT,
  type Generation,
  generation,
  type RuntimeSnapshot,
  type SnapshotParts,
  type VariableValues,
} from '../../../runtime/snapshot.ts';
import type { ConnectionPoolRow, StatsKind, StatsRows } from '../../../runtime/stats.ts';
import { silentLogger } from '../../../src/observe/logger.ts';

class RememberingPlane implements DataPlane {
  async order(): Promise<boolean> {
    return true;
  }

  current: RuntimeSnapshot = EMPTY_SNAPSHOT;
  readonly published: Partial<SnapshotParts>[] = [];
  pool: ConnectionPoolRow[] = [];
  /** Called before a publish takes effect; may wait or throw. */
  gate: () => Promise<void> = async () => {};

  async publish(parts: Partial<SnapshotParts>): Promise<Generation> {
    await this.gate();
    this.published.push(parts);
    this.current = { ...this.current, ...parts, generation: generation(this.current.generation + 1) };
    return this.current.generation;
  }

  async explainRoute(): Promise<never> {
    throw new Error('nobody asks');
  }

  async collectDigests(): Promise<void> {}

  async collect<K extends StatsKind>(kind: K): Promise<readonly StatsRows[K][]> {
    return kind === 'connection-pool' ? (this.pool as unknown as StatsRows[K][]) : [];
  }
}

let dataDir: string;
let db: AdminDatabase;
let plane: RememberingPlane;
let adminValues: VariableValues[];
let adminGate: () => Promise<void>;
let promotion: Promotion;

function open(options: { readonly initial?: boolean; readonly configText?: string } = {}): void {
  const path = join(dataDir, 'sluice.cnf');
  if (options.configText !== undefined) writeFileSync(path, options.configText);
  db = openAdminDatabase({ dataDir, initial: options.initial ?? false });
  plane = new RememberingPlane();
  adminValues = [];
  adminGate = async () => {};
  promotion = createPromotion({
    db,
    plane,
    configFile: existsSync(path) ? openConfigFile(path) : undefined,
    logger: silentLogger(),
    checkRules: () => [],
    onAdminVariables: async (values) => {
      await adminGate();
      adminValues.push(values);
    },
  });
}

const START = { initial: false, reload: false } as const;

function sql(text: string): void {
  db.handle.exec(text);
}

function rows(query: string): unknown[][] {
  return db.handle.prepare<[], unknown[]>(query).raw().all();
}

function value(name: string, table = 'global_variables'): unknown {
  return rows(`SELECT variable_value FROM ${table} WHERE variable_name='${name}'`)[0]?.[0];
}

async function runtime(table: string, query: string): Promise<unknown[][]> {
  writeTables(db.handle, await promotion.runtimeContents(new Set([table])));
  return rows(query);
}

/** A promise and what resolves it. */
function latch(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-promotion-'));
  open();
});

afterEach(() => {
  db.close();
  rmSync(dataDir, { recursive: true, force: true });
});

describe('users', () => {
  beforeEach(async () => {
    await promotion.startUp(START);
    sql(`INSERT INTO mysql_users (username, password, default_hostgroup) VALUES ('u1','p1',1),('u2','p2',2);
         INSERT INTO mysql_users (username, password, active) VALUES ('gone','x',0);
         INSERT INTO mysql_users (username, password, backend, frontend) VALUES ('split','fe',0,1),('split','be',1,0);`);
  });

  test('take effect with LOAD and not before', async () => {
    assert.deepEqual(plane.current.users, []);
    assert.deepEqual(await promotion.run('MYSQL USERS', 'memory>runtime'), { affectedRows: 0, problems: [] });
    assert.deepEqual(
      plane.current.users.map(({ username, password }) => [username, password]),
      [
        ['u1', 'p1'],
        ['u2', 'p2'],
        ['split', 'fe'],
        ['split', 'be'],
      ],
    );
  });

  test('are two rows each in the runtime table, which nobody can change', async () => {
    await promotion.run('MYSQL USERS', 'memory>runtime');
    const query = 'SELECT username, password, backend, frontend FROM runtime_mysql_users';
    const expected = [
      ['u1', 'p1', 0, 1],
      ['u2', 'p2', 0, 1],
      ['split', 'fe', 0, 1],
      ['u1', 'p1', 1, 0],
      ['u2', 'p2', 1, 0],
      ['split', 'be', 1, 0],
    ];
    assert.deepEqual(await runtime('runtime_mysql_users', query), expected);
    sql('DELETE FROM runtime_mysql_users');
    assert.deepEqual(await runtime('runtime_mysql_users', query), expected);
  });

  test('SAVE FROM RUNTIME splits each into two rows and keeps inactive ones', async () => {
    await promotion.run('MYSQL USERS', 'memory>runtime');
    sql("DELETE FROM mysql_users WHERE username='u2'; INSERT INTO mysql_users (username) VALUES ('new')");
    await promotion.run('MYSQL USERS', 'runtime>memory');
    assert.deepEqual(
      rows('SELECT username, backend, frontend, active, default_schema FROM mysql_users ORDER BY 1, 2'),
      [
        ['gone', 1, 1, 0, null],
        ['new', 1, 1, 0, null],
        ['split', 0, 1, 1, ''],
        ['split', 1, 0, 1, ''],
        ['u1', 0, 1, 1, ''],
        ['u1', 1, 0, 1, ''],
        ['u2', 0, 1, 1, ''],
        ['u2', 1, 0, 1, ''],
      ],
    );
  });

  test('go to disk and come back exactly, whatever memory had meanwhile', async () => {
    await promotion.run('MYSQL USERS', 'memory>disk');
    const saved = rows('SELECT * FROM mysql_users');
    sql("DELETE FROM mysql_users; INSERT INTO mysql_users (username) VALUES ('other')");
    assert.deepEqual(await promotion.run('MYSQL USERS', 'disk>memory'), { affectedRows: 0, problems: [] });
    assert.deepEqual(rows('SELECT * FROM mysql_users'), saved);
    assert.deepEqual(rows('SELECT * FROM disk.mysql_users'), saved);
  });

  test('ten thousand load in well under a second of event loop', async () => {
    const insert = db.handle.prepare(
      "INSERT INTO mysql_users (username, password) VALUES (?, '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7')",
    );
    db.handle.transaction(() => {
      for (let i = 0; i < 10_000; i += 1) insert.run(`developer${i}`);
    })();
    const start = performance.now();
    await promotion.run('MYSQL USERS', 'memory>runtime');
    const elapsedMs = performance.now() - start;
    assert.equal(plane.current.users.length, 10_004);
    assert.ok(elapsedMs < 1000, `took ${elapsedMs} ms`);
  });
});

describe('servers', () => {
  test('all seven tables of the module go to disk and back', async () => {
    await promotion.startUp(START);
    sql(`INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1,'a');
         INSERT INTO mysql_hostgroup_attributes (hostgroup_id, comment) VALUES (1,'x');
         INSERT INTO mysql_replication_hostgroups (writer_hostgroup, reader_hostgroup) VALUES (1,2);`);
    await promotion.run('MYSQL SERVERS', 'memory>disk');
    sql('DELETE FROM mysql_servers; DELETE FROM mysql_hostgroup_attributes; DELETE FROM mysql_replication_hostgroups');
    await promotion.run('MYSQL SERVERS', 'disk>memory');
    assert.deepEqual(rows('SELECT hostname FROM mysql_servers'), [['a']]);
    assert.deepEqual(rows('SELECT comment FROM mysql_hostgroup_attributes'), [['x']]);
    assert.deepEqual(rows('SELECT reader_hostgroup FROM mysql_replication_hostgroups'), [[2]]);
  });

  test('are published together with the hostgroup pairs', async () => {
    await promotion.startUp(START);
    sql(`INSERT INTO mysql_servers (hostgroup_id, hostname, status) VALUES (1,'a','offline_soft');
         INSERT INTO mysql_replication_hostgroups (writer_hostgroup, reader_hostgroup) VALUES (1,2);`);
    const before = plane.published.length;
    await promotion.run('MYSQL SERVERS', 'memory>runtime');
    assert.equal(plane.published.length, before + 1);
    assert.deepEqual(Object.keys(plane.published.at(-1) ?? {}).sort(), [
      'hostgroupAttributes',
      'replicationHostgroups',
      'serverSslParams',
      'servers',
    ]);
    assert.deepEqual(await runtime('runtime_mysql_servers', 'SELECT hostname, status FROM runtime_mysql_servers'), [
      ['a', 'OFFLINE_SOFT'],
    ]);
  });

  test('tables without a part in the data plane show the rows of the last LOAD', async () => {
    await promotion.startUp(START);
    sql("INSERT INTO mysql_hostgroup_attributes (hostgroup_id, comment) VALUES (1,'x')");
    await promotion.run('MYSQL SERVERS', 'memory>runtime');
    sql('DELETE FROM mysql_hostgroup_attributes');
    const query = 'SELECT hostgroup_id, comment FROM runtime_mysql_hostgroup_attributes';
    assert.deepEqual(await runtime('runtime_mysql_hostgroup_attributes', query), [[1, 'x']]);
    await promotion.run('MYSQL SERVERS', 'runtime>memory');
    assert.deepEqual(rows('SELECT comment FROM mysql_hostgroup_attributes'), [['x']]);
  });
});

describe('query rules', () => {
  test('only active ones reach the runtime, and SAVE FROM RUNTIME leaves only them', async () => {
    await promotion.startUp(START);
    sql(
      "INSERT INTO mysql_query_rules (rule_id, active, match_digest, re_modifiers) VALUES (5,1,'x','global,caseless'),(1,0,'y','')",
    );
    await promotion.run('MYSQL QUERY RULES', 'memory>runtime');
    const query = 'SELECT rule_id, re_modifiers FROM runtime_mysql_query_rules';
    assert.deepEqual(await runtime('runtime_mysql_query_rules', query), [[5, 'CASELESS,GLOBAL']]);
    await promotion.run('MYSQL QUERY RULES', 'runtime>memory');
    assert.deepEqual(rows('SELECT rule_id FROM mysql_query_rules'), [[5]]);
  });
});

describe('variables', () => {
  beforeEach(() => promotion.startUp(START));

  test('moving to and from disk counts the rows', async () => {
    assert.equal((await promotion.run('ADMIN VARIABLES', 'memory>disk')).affectedRows, 49);
    assert.equal((await promotion.run('MYSQL VARIABLES', 'disk>memory')).affectedRows, 163);
    assert.equal((await promotion.run('MYSQL VARIABLES', 'memory>runtime')).affectedRows, 0);
    assert.equal((await promotion.run('MYSQL VARIABLES', 'runtime>memory')).affectedRows, 0);
  });

  test('a bad value leaves the runtime alone and memory shows the good one again', async () => {
    sql("UPDATE global_variables SET variable_value='0' WHERE variable_name='mysql-max_connections'");
    const { problems } = await promotion.run('MYSQL VARIABLES', 'memory>runtime');
    assert.deepEqual(
      problems.map(({ key }) => key),
      ['mysql-max_connections'],
    );
    assert.equal(plane.current.mysqlVariables.max_connections, '10000');
    assert.equal(value('mysql-max_connections'), '10000');
  });

  test('what somebody sets while a LOAD is under way is not overwritten by its corrections', async () => {
    sql("UPDATE global_variables SET variable_value='0' WHERE variable_name='mysql-max_connections'");
    plane.gate = async () =>
      sql("UPDATE global_variables SET variable_value='55' WHERE variable_name='mysql-max_connections'");
    await promotion.run('MYSQL VARIABLES', 'memory>runtime');
    assert.equal(value('mysql-max_connections'), '55');
  });

  test('unknown names are removed from memory by LOAD, those of other families stay', async () => {
    sql("INSERT INTO global_variables VALUES ('mysql-nosuch','1'),('foo-bar','1')");
    await promotion.run('MYSQL VARIABLES', 'memory>runtime');
    assert.equal(value('mysql-nosuch'), undefined);
    assert.equal(value('foo-bar'), '1');
  });

  test('runtime_global_variables shows normalised values of all families', async () => {
    sql("UPDATE global_variables SET variable_value='1e3' WHERE variable_name='mysql-max_connections'");
    await promotion.run('MYSQL VARIABLES', 'memory>runtime');
    assert.deepEqual(await runtime('runtime_global_variables', 'SELECT COUNT(*) FROM runtime_global_variables'), [
      [VARIABLES.length],
    ]);
    assert.equal(value('mysql-max_connections', 'runtime_global_variables'), '1');
    assert.equal(value('mysql-max_connections'), '1e3');
    await promotion.run('MYSQL VARIABLES', 'runtime>memory');
    assert.equal(value('mysql-max_connections'), '1');
  });

  test('admin variables are in force when LOAD answers', async () => {
    sql("UPDATE global_variables SET variable_value='1500' WHERE variable_name='admin-refresh_interval'");
    await promotion.run('ADMIN VARIABLES', 'memory>runtime');
    assert.equal(adminValues.at(-1)?.refresh_interval, '1500');
    assert.equal(promotion.adminVariables.refresh_interval, '1500');
  });

  test('admin variables that cannot be put in force leave everything as it was', async () => {
    sql("UPDATE global_variables SET variable_value='127.0.0.1:1' WHERE variable_name='admin-mysql_ifaces'");
    adminGate = async () => {
      throw new Error('address in use');
    };
    await assert.rejects(promotion.run('ADMIN VARIABLES', 'memory>runtime'), /address in use/);
    assert.equal(promotion.adminVariables.mysql_ifaces, '0.0.0.0:6032');
    assert.equal(value('admin-mysql_ifaces'), '127.0.0.1:1');
  });

  test('one admin variable can be put in force without touching memory', async () => {
    await promotion.setAdminVariable('read_only', 'true');
    assert.equal(promotion.adminVariables.read_only, 'true');
    assert.equal(adminValues.at(-1)?.read_only, 'true');
    assert.equal(value('admin-read_only'), 'false');
  });
});

describe('promotions', () => {
  beforeEach(() => promotion.startUp(START));

  test('do not interleave: the second LOAD reads memory after the first was answered', async () => {
    const { opened, open: letThrough } = latch();
    plane.gate = () => opened;
    sql("INSERT INTO mysql_users (username) VALUES ('first')");
    const first = promotion.run('MYSQL USERS', 'memory>runtime');
    const second = promotion.run('MYSQL USERS', 'memory>runtime');
    await new Promise(setImmediate);
    sql("INSERT INTO mysql_users (username) VALUES ('second')");
    letThrough();
    await Promise.all([first, second]);
    assert.deepEqual(
      plane.published.slice(-2).map(({ users }) => users?.length),
      [1, 2],
    );
  });

  test('answer only after every worker has what was published', async () => {
    const { opened, open: letThrough } = latch();
    plane.gate = () => opened;
    let answered = false;
    const load = promotion.run('MYSQL USERS', 'memory>runtime').then(() => {
      answered = true;
    });
    await new Promise(setImmediate);
    assert.equal(answered, false);
    letThrough();
    await load;
    assert.equal(answered, true);
  });

  test('that fail to publish change nothing and do not block the next', async () => {
    plane.gate = async () => {
      throw new Error('no worker');
    };
    sql("UPDATE global_variables SET variable_value='0' WHERE variable_name='mysql-max_connections'");
    const before = plane.current;
    await assert.rejects(promotion.run('MYSQL VARIABLES', 'memory>runtime'), /no worker/);
    assert.equal(plane.current, before);
    assert.equal(value('mysql-max_connections'), '0');
    plane.gate = async () => {};
    await promotion.run('MYSQL VARIABLES', 'memory>runtime');
    assert.equal(value('mysql-max_connections'), '10000');
  });

  test('without a config file are refused with ProxySQL’s words', async () => {
    await assert.rejects(promotion.run('MYSQL USERS', 'config>memory'), (error) => {
      assert.ok(error instanceof PromotionRefused);
      assert.equal(error.message, 'Config file unknown');
      return true;
    });
  });

  test('of a table somebody dropped leave that table out', async () => {
    sql('DROP TABLE mysql_hostgroup_attributes; DROP TABLE runtime_mysql_hostgroup_attributes');
    for (const edge of ['memory>runtime', 'memory>disk', 'disk>memory', 'runtime>memory'] satisfies Edge[]) {
      await promotion.run('MYSQL SERVERS', edge);
    }
    writeTables(db.handle, await promotion.runtimeContents(new Set(['runtime_mysql_hostgroup_attributes'])));
  });
});

describe('start-up', () => {
  const CONFIG = `
    admin_variables = { refresh_interval=1500 unknown_admin_variable=5 }
    mysql_variables = { threads=2 max_connections=500 default_query_timeout=999 unknown_mysql_variable="x" }
    mysql_servers = ( { address="127.0.0.1" port=13306 hostgroup=0 comment="first" }, { port=1 hostgroup=2 } )
    mysql_users: ( { username="app" password="app" }, { password="nobody" } )
    mysql_query_rules: ( { rule_id=1 match_digest="^SELECT" destination_hostgroup=1 apply=1 } )
    mysql_replication_hostgroups= ( { writer_hostgroup=30 reader_hostgroup=40 } )`;

  async function restart(
    options: Parameters<typeof open>[0],
    start = START as { initial: boolean; reload: boolean },
  ): Promise<void> {
    db.close();
    open(options);
    await promotion.startUp(start);
  }

  const usernames = (): unknown[] => rows('SELECT username FROM mysql_users ORDER BY 1').flat();

  test('of a new database takes the config file, into memory, disk and runtime', async () => {
    await rm();
    await restart({ configText: CONFIG });
    assert.deepEqual(usernames(), ['app']);
    assert.deepEqual(rows('SELECT username FROM disk.mysql_users'), [['app']]);
    assert.deepEqual(
      plane.current.users.map(({ username }) => username),
      ['app'],
    );
    assert.deepEqual(
      plane.current.servers.map(({ hostname, port }) => [hostname, port]),
      [['127.0.0.1', 13306]],
    );
    assert.equal(plane.current.queryRules.length, 1);
    assert.equal(plane.current.replicationHostgroups[0]?.checkType, 'read_only');
    assert.equal(plane.current.mysqlVariables.threads, '2');
    assert.equal(plane.current.mysqlVariables.default_query_timeout, '86400000');
    assert.equal(value('mysql-default_query_timeout'), '86400000');
    assert.equal(value('mysql-unknown_mysql_variable'), undefined);
    assert.equal(promotion.adminVariables.refresh_interval, '1500');
  });

  test('of an existing database ignores the file', async () => {
    await promotion.startUp(START);
    sql("INSERT INTO mysql_users (username) VALUES ('ondisk')");
    await promotion.run('MYSQL USERS', 'memory>disk');
    sql("INSERT INTO mysql_users (username) VALUES ('unsaved')");
    await restart({ configText: CONFIG });
    assert.deepEqual(usernames(), ['ondisk']);
    assert.equal(value('mysql-max_connections'), '10000');
  });

  test('with --reload merges the file into what is on disk', async () => {
    await promotion.startUp(START);
    sql("INSERT INTO mysql_users (username) VALUES ('ondisk'),('app')");
    await promotion.run('MYSQL USERS', 'memory>disk');
    await restart({ configText: CONFIG }, { initial: false, reload: true });
    assert.deepEqual(usernames(), ['app', 'ondisk']);
    assert.deepEqual(rows("SELECT password FROM disk.mysql_users WHERE username='app'"), [['app']]);
  });

  test('with --initial begins anew from the file and keeps the old database as .bak', async () => {
    await promotion.startUp(START);
    sql("INSERT INTO mysql_users (username) VALUES ('ondisk')");
    await promotion.run('MYSQL USERS', 'memory>disk');
    await restart({ configText: CONFIG, initial: true }, { initial: true, reload: false });
    assert.deepEqual(usernames(), ['app']);
    assert.ok(existsSync(join(dataDir, 'proxysql.db.bak')));
  });

  test('fills memory and disk with every default; our own variables reach the runtime first, then the admin plane its own', async () => {
    const admins: number[] = [];
    plane.gate = async () => void admins.push(adminValues.length);
    await promotion.startUp(START);
    assert.deepEqual(rows('SELECT COUNT(*) FROM disk.global_variables'), [[VARIABLES.length]]);
    assert.deepEqual(rows('SELECT COUNT(*) FROM global_variables'), [[VARIABLES.length]]);
    assert.deepEqual(Object.keys(plane.published[0] ?? {}), ['sluiceVariables']);
    assert.deepEqual(Object.keys(plane.published[1] ?? {}), ['mysqlVariables']);
    assert.deepEqual(new Set(admins.slice(1)), new Set([1]));
  });

  test('with a file that cannot be parsed is refused', async () => {
    await rm();
    db.close();
    open({ configText: 'mysql_users = (' });
    await assert.rejects(promotion.startUp(START), PromotionRefused);
  });

  /** Makes the next open() find no database. */
  async function rm(): Promise<void> {
    for (const name of ['proxysql.db', 'proxysql_stats.db']) rmSync(join(dataDir, name), { force: true });
  }
});

describe('LOAD FROM CONFIG', () => {
  const cases: readonly (readonly [module: ModuleName, text: string, affectedRows: number])[] = [
    ['MYSQL USERS', 'mysql_users: ( { username="a" }, { username="b" }, { password="x" } )', 2],
    ['MYSQL VARIABLES', 'mysql_variables: { max_connections=7 nosuch=1 monitor_enabled=false }', 3],
    ['ADMIN VARIABLES', 'admin_variables: { web_port=7 }', 1],
    ['SLUICE VARIABLES', 'sluice_variables: { strict=false pipelining=true }', 2],
    ['MYSQL QUERY RULES', 'datadir="x"', 0],
    [
      'MYSQL SERVERS',
      `mysql_servers: ( { address="a" hostgroup=1 }, { hostname="b" hostgroup_id=2 } )
       mysql_replication_hostgroups: ( { writer_hostgroup=1 reader_hostgroup=2 } )
       mysql_galera_hostgroups: ( { writer_hostgroup=3 backup_writer_hostgroup=4 reader_hostgroup=5 offline_hostgroup=6 } )`,
      4,
    ],
  ];
  for (const [module, text, affectedRows] of cases) {
    test(`${module} answers with ${affectedRows} entries read`, async () => {
      db.close();
      open({ configText: text });
      assert.equal((await promotion.run(module, 'config>memory')).affectedRows, affectedRows);
    });
  }

  test('a row the table refuses is a problem and the others are taken', async () => {
    db.close();
    open({ configText: 'mysql_servers: ( { address="a" hostgroup=1 gtid_port=3306 }, { address="b" hostgroup=1 } )' });
    const { affectedRows, problems } = await promotion.run('MYSQL SERVERS', 'config>memory');
    assert.equal(affectedRows, 1);
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.reason ?? '', /CHECK constraint failed/);
  });

  test('a file with an error is refused with its path, and memory stays', async () => {
    db.close();
    open({ configText: 'mysql_users: ( { username="a" }\nmysql_servers = ' });
    await assert.rejects(
      promotion.run('MYSQL USERS', 'config>memory'),
      /^PromotionRefused: Unable to open or parse config file .*sluice\.cnf$/,
    );
    assert.deepEqual(rows('SELECT * FROM mysql_users'), []);
  });
});
