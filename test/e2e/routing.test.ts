/**
 * Where a statement goes besides the rules: by the table of fast routing, by its own comment; and what the firewall says.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { accountSql, refusal, Stage, scalar } from '../helpers/stage.ts';

describe('routing', () => {
  let stage: Stage;
  let client: Connection;
  let ports: readonly number[];

  before(async () => {
    stage = await Stage.start({
      databases: 2,
      hostgroups: [0, 1],
      setup: [...accountSql('strict', 'strict'), 'CREATE DATABASE shard'],
      users: [
        { username: 'strict', password: 'strict', default_hostgroup: 0, attributes: '{"query_annotations": false}' },
      ],
    });
    ports = stage.databases.map(({ port }) => port);
    client = await stage.connect();
  });

  after(async () => {
    client?.destroy();
    await stage?.stop();
  });

  afterEach(async () => {
    await stage.sluice.admin(
      'DELETE FROM mysql_query_rules',
      'DELETE FROM mysql_query_rules_fast_routing',
      'LOAD MYSQL QUERY RULES TO RUNTIME',
    );
  });

  /** The hostgroup whose server answers. */
  const answeredBy = async (sql: string, c: Connection = client): Promise<number> =>
    ports.indexOf(Number(await scalar(c, sql)));

  const rules = async (...rows: string[]): Promise<void> => {
    for (const row of rows) await stage.sluice.admin(`INSERT INTO ${row}`);
    await stage.sluice.admin('LOAD MYSQL QUERY RULES TO RUNTIME');
  };

  describe('fast routing', () => {
    test('by user and schema, then by schema alone, over what the rules say', async () => {
      await rules(
        "mysql_query_rules_fast_routing VALUES ('app', 'shard', 0, 1, ''), ('', 'information_schema', 0, 1, '')",
        "mysql_query_rules (rule_id, active, match_digest, destination_hostgroup, apply) VALUES (1, 1, '@@port', 0, 0)",
      );
      await stage.withClient(async (c) => {
        assert.equal(await answeredBy('SELECT @@port', c), 0);
        await c.query('USE shard');
        assert.equal(await answeredBy('SELECT @@port', c), 1);
        await c.query('USE information_schema');
        assert.equal(await answeredBy('SELECT @@port', c), 1);
        await c.query('USE test');
        assert.equal(await answeredBy('SELECT @@port', c), 0);
      });
      await stage.withClient(async (c) => assert.equal(await answeredBy('SELECT @@port', c), 0), {
        user: 'strict',
        password: 'strict',
        database: 'shard',
      });
    });

    test('not after a rule with apply=1, and by the flagIN the rules end with', async () => {
      await rules(
        "mysql_query_rules_fast_routing VALUES ('app', 'test', 0, 1, ''), ('app', 'test', 7, 1, '')",
        "mysql_query_rules (rule_id, active, match_digest, destination_hostgroup, apply) VALUES (1, 1, 'stay', 0, 1)",
        "mysql_query_rules (rule_id, active, match_digest, flagOUT, apply) VALUES (2, 1, 'astray', 3, 0), (3, 1, 'flagged', 7, 0)",
      );
      assert.equal(await answeredBy('SELECT @@port AS stay'), 0);
      assert.equal(await answeredBy('SELECT @@port AS plain'), 1);
      assert.equal(await answeredBy('SELECT @@port AS flagged'), 1);
      assert.equal(await answeredBy('SELECT @@port AS astrayed'), 0);
    });
  });

  describe('a comment', () => {
    test('wins over the rules, in text and prepared', async () => {
      assert.equal(await answeredBy('/* hostgroup=1 */ SELECT @@port'), 1);
      assert.equal(await answeredBy('SELECT /* hostgroup=1 */ @@port'), 1);
      assert.equal(await answeredBy('SELECT @@port'), 0);
      const [rows] = await client.execute('/* hostgroup=1 */ SELECT @@port AS p');
      assert.equal((rows as { p: number }[])[0]?.p, ports[1]);
    });

    test('asks for a timeout, a delay, the cache and a new connection', async () => {
      await refusal(client.query('/* query_timeout=200 */ SELECT SLEEP(10)'), 1907);
      const uuid = await scalar(client, '/* cache_ttl=5000 */ SELECT UUID()');
      assert.equal(await scalar(client, '/* cache_ttl=5000 */ SELECT UUID()'), uuid);
      const id = 'SELECT CONNECTION_ID() + 0';
      const before = await scalar(client, id);
      assert.equal(await scalar(client, id), before);
      assert.notEqual(await scalar(client, `/* create_new_connection=1 */ ${id}`), before);
    });

    test('does nothing for a user, or for all, when it is forbidden', async () => {
      const strict = await stage.connect({ user: 'strict', password: 'strict' });
      assert.equal(await answeredBy('/* hostgroup=1 */ SELECT @@port', strict), 0);
      await stage.sluice.admin('SET sluice-query_annotations = false', 'LOAD SLUICE VARIABLES TO RUNTIME');
      assert.equal(await answeredBy('/* hostgroup=1 */ SELECT @@port'), 0);
      await stage.sluice.admin('SET sluice-query_annotations = true', 'LOAD SLUICE VARIABLES TO RUNTIME');
      assert.equal(await answeredBy('/* hostgroup=1 */ SELECT @@port'), 1);
      assert.equal(await answeredBy('/* hostgroup=1 */ SELECT @@port', strict), 0);
      strict.destroy();
    });
  });

  test('2,000 rules that look at literals: those that match act, and only on their statements', async () => {
    const rows = Array.from({ length: 2000 }, (_, i) => `(${i + 1}, 1, 'app', 'orders_${i} ', 1, 1)`).join(',');
    await rules(
      `mysql_query_rules (rule_id, active, username, match_pattern, destination_hostgroup, apply) VALUES ${rows}`,
    );
    for (let round = 0; round < 2; round += 1) {
      assert.equal(await answeredBy("SELECT @@port AS p, 'plain' AS x"), 0);
      assert.equal(await answeredBy("SELECT @@port AS p, 'ORDERS_1234 ' AS x"), 1);
      assert.equal(await answeredBy("SELECT @@port AS p, 'orders_99999' AS x"), 0);
    }
  });

  test('what a rule made of a text is what counts for its session and its digest, in text and prepared', async () => {
    await rules(
      "mysql_query_rules (rule_id, active, match_pattern, replace_pattern, apply) VALUES (1, 1, '^SELECT .take.$', 'SELECT GET_LOCK(''rewritten'', 0)', 1)",
    );
    for (const how of ['query', 'execute'] as const) {
      await stage.withClient(async (c) => {
        await (how === 'query' ? c.query("SELECT 'take'") : c.execute("SELECT 'take'"));
        assert.match(String(await scalar(c, 'PROXYSQL INTERNAL SESSION')), /"GET_LOCK"/, how);
      });
    }
    const counted = await stage.sluice.admin(
      "SELECT digest_text FROM stats_mysql_query_digest WHERE digest_text LIKE 'SELECT GET_LOCK(%' AND count_star = 3",
    );
    assert.equal(counted.length, 1);
  });

  describe('what the proxy answers itself', () => {
    test('PROXYSQL INTERNAL SESSION shows the session and why it holds a connection', async () => {
      await stage.withClient(async (c) => {
        await c.query('SET @a = 1');
        const text = await scalar(c, 'PROXYSQL INTERNAL SESSION');
        const info = JSON.parse(String(text)) as {
          client: { userinfo: unknown };
          backends: { conn: { pinned_by: string[] } }[];
        };
        assert.deepEqual(info.client.userinfo, { schemaname: 'test', username: 'app' });
        assert.ok(info.backends[0]?.conn.pinned_by.includes('USER_VARIABLE'));
        assert.doesNotMatch(String(text), /password/i);
        const error = await refusal(c.query('PROXYSQL INTERNAL WHATEVER'), 1064);
        assert.equal(error.message, 'Unknown PROXYSQL INTERNAL command');
        assert.match((await refusal(c.query('SELECT $$'), 1054)).message, /^Unknown column '\$\$' in 'field list'$/);
      });
    });
  });

  describe('the firewall', () => {
    after(async () => {
      await stage.sluice.admin(
        'SET mysql-firewall_whitelist_enabled = false',
        'LOAD MYSQL VARIABLES TO RUNTIME',
        'DELETE FROM mysql_firewall_whitelist_users',
        'DELETE FROM mysql_firewall_whitelist_rules',
        'LOAD MYSQL FIREWALL TO RUNTIME',
      );
    });

    test('learns, then protects; who is not listed is blocked; prepared statements too', async () => {
      await client.query("SELECT 'allowed'");
      await client.execute('SELECT ? AS allowed', [1]);
      await stage.sluice.admin(
        "INSERT INTO mysql_firewall_whitelist_users VALUES (1, 'app', '', 'DETECTING', '')",
        "INSERT INTO mysql_firewall_whitelist_rules SELECT 1, username, '', schemaname, 0, digest, '' FROM stats_mysql_query_digest WHERE digest_text IN ('SELECT ?', 'SELECT ? AS allowed') AND username = 'app' GROUP BY username, schemaname, digest",
        'LOAD MYSQL FIREWALL TO RUNTIME',
        'SET mysql-firewall_whitelist_enabled = true',
        'LOAD MYSQL VARIABLES TO RUNTIME',
      );
      assert.equal(await scalar(client, 'SELECT 1 + 1 AS learned'), '2', 'detecting lets all pass');
      await stage.sluice.admin(
        "UPDATE mysql_firewall_whitelist_users SET mode = 'PROTECTING'",
        'LOAD MYSQL FIREWALL TO RUNTIME',
      );
      assert.equal(await scalar(client, "SELECT 'other literal'"), 'other literal');
      await client.execute('SELECT ? AS allowed', [2]);
      const error = await refusal(client.query('SELECT 1 + 1 AS learned'), 1148);
      assert.equal(error.message, 'Firewall blocked this query');
      assert.equal(error.sqlState, '42000');
      await refusal(client.execute('SELECT ? + 1 AS learned', [1]), 1148);
      await stage.withClient((c) => refusal(c.query('SELECT 1'), 1148), { user: 'strict', password: 'strict' });
      await client.query('USE shard');
      await refusal(client.query('SELECT 1'), 1148);
      await client.query('USE test');
    });
  });
});
