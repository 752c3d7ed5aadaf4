/** EXPLAIN ROUTE, asked on the admin port and answered by a worker that has the rules, users and servers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { refusal } from '../helpers/stage.ts';

/** Nobody listens there; explaining opens no connection. */
const NOWHERE = { address: '127.0.0.1', port: 1 };

describe('EXPLAIN ROUTE', () => {
  let sluice: SluiceProcess;
  before(async () => {
    sluice = await SluiceProcess.start({
      workers: 1,
      users: [
        { username: 'app', password: 'app', default_hostgroup: 10 },
        { username: 'fast', password: 'x', default_hostgroup: 20, fast_forward: 1 },
      ],
      servers: [
        { ...NOWHERE, hostgroup: 20, weight: 3 },
        { address: '127.0.0.1', port: 2, hostgroup: 20, weight: 1 },
        { address: '127.0.0.1', port: 3, hostgroup: 20, weight: 5, status: 'OFFLINE_SOFT' },
      ],
      rules: [
        { rule_id: 1, active: 1, username: 'bob', destination_hostgroup: 99, apply: 1 },
        { rule_id: 2, active: 1, match_pattern: '(', destination_hostgroup: 98, apply: 1 },
        { rule_id: 3, active: 1, match_pattern: 'old_table', replace_pattern: 'new_table' },
        { rule_id: 4, active: 1, match_digest: '^SELECT', destination_hostgroup: 20, timeout: 500, apply: 1 },
        { rule_id: 5, active: 1, match_digest: '^DELETE', error_msg: 'no deleting', apply: 1 },
        { rule_id: 6, active: 1, client_addr: '10.%', destination_hostgroup: 97, attributes: '{"dry_run":true}' },
      ],
    });
  });
  after(() => sluice.stop());

  const lines = async (question: string): Promise<string[]> =>
    (await sluice.admin(`EXPLAIN ROUTE ${question}`)).map(({ step, item, result, detail }) =>
      [step, item, result, detail].join('|').replace(/\|$/, ''),
    );

  test('tells of every rule, each rewrite, the decision, the servers’ shares and the pins', async () => {
    const told = await lines("FOR 'app' IN 'shop' PORT 6033 AS 'SELECT @a FROM old_table WHERE id=''7'''");
    assert.deepEqual(told, [
      'statement|digest|0x4B9D39A2E9D38B2A|SELECT @a FROM old_table WHERE id=?'.replace(
        /0x\w+/,
        told[0]?.split('|')[2] ?? '',
      ),
      'statement|kind|select|USER_VARIABLE',
      'session|user|app|default_hostgroup 10',
      'session|schema|shop',
      'session|client|127.0.0.1|connected to 127.0.0.1:6033',
      'rule|1|no|username: bob against app',
      'rule|2|never|match_pattern: missing ) (at byte 0)',
      'rule|3|hit|replace_pattern=new_table',
      "rule|3|rewritten to|SELECT @a FROM new_table WHERE id='7'",
      'rule|4|hit|destination_hostgroup=20, timeout=500, apply',
      'decision|hostgroup|20|destination_hostgroup of a rule',
      'decision|timeout|500 ms',
      "decision|text|rewritten|SELECT @a FROM new_table WHERE id='7'",
      'server|127.0.0.1:1|75 %|ONLINE, weight 3, 0 of 1000 connections in use',
      'server|127.0.0.1:2|25 %|ONLINE, weight 1, 0 of 1000 connections in use',
      'server|127.0.0.1:3|0 %|OFFLINE_SOFT, weight 5, 0 of 1000 connections in use',
      'pin|USER_VARIABLE|pinned|the connection stays with the session until it ends, and is reset before others get it',
    ]);
  });

  test('names the error a rule answers with, and what it compared', async () => {
    const told = await lines("FOR 'app' AT '10.1.2.3' AS DELETE FROM t WHERE a = 'it''s'");
    assert.ok(told.includes('rule|4|no|match_digest: ^SELECT against DELETE FROM t WHERE a = ?'), told.join('\n'));
    assert.ok(told.includes('session|schema|information_schema|the default'));
    assert.match(told.at(-1) ?? '', /^decision\|answer\|error 1148\|no deleting$/);
  });

  test('shows rules on trial and hostgroups without a server', async () => {
    const told = await lines("FOR 'app' AT '10.1.2.3' AS 'UPDATE t SET a=1'");
    assert.ok(told.includes('rule|6|hit (dry run)|would set destination_hostgroup=97'), told.join('\n'));
    assert.ok(told.includes('decision|hostgroup|10|default_hostgroup of the user: no rule names one'));
    assert.ok(
      told.some((line) => line.startsWith('server|none|0 %|statements wait for mysql-connect_timeout_server_max')),
    );
    assert.match(told.at(-1) ?? '', /^pin\|none\|shared/);
  });

  test('knows what the proxy answers itself, what locks, and users whose statements nobody looks at', async () => {
    assert.match((await lines("FOR 'app' AS 'USE shop'")).at(-1) ?? '', /^answer\|before the rules\|schema/);
    assert.match((await lines("FOR 'app' AS 'SET sql_mode=\"\"'")).at(-1) ?? '', /^answer\|after the rules\|ok/);
    assert.match((await lines("FOR 'app' AS 'SET nosuch=1'")).at(-1) ?? '', /^pin\|SESSION_VARIABLE\|pinned/);
    assert.ok((await lines("FOR 'app' AS 'BEGIN'")).includes('pin|transaction|held|until COMMIT or ROLLBACK'));
    assert.ok((await lines("FOR 'fast' AS 'SELECT 1'")).some((line) => line.startsWith('session|fast_forward|yes')));
  });

  test('counts nothing', async () => {
    await lines("FOR 'app' AS 'SELECT 1'");
    const rows = await sluice.admin('SELECT SUM(hits) AS hits FROM stats_mysql_query_rules');
    assert.equal(Number(rows[0]?.hits), 0);
    assert.deepEqual(await sluice.admin('SELECT * FROM stats_mysql_query_digest'), []);
  });

  test('comes as JSON as well, and says what is wrong with a question', async () => {
    const [row] = await sluice.admin("EXPLAIN FORMAT=JSON ROUTE FOR 'app' AS 'SELECT 1'");
    const told = JSON.parse(row?.EXPLAIN ?? '') as { username: string; steps: { step: string }[] };
    assert.equal(told.username, 'app');
    assert.ok(told.steps.some(({ step }) => step === 'server'));
    const admin = await sluice.connectAdmin();
    try {
      await refusal(admin.query("EXPLAIN ROUTE FOR 'nobody' AS 'SELECT 1'"), 1105);
      for (const wrong of [
        "FOR 'app'",
        "AS 'SELECT 1'",
        "FOR 'app' PORT 70000 AS 'x'",
        "FOR 'app' FOR 'app' AS 'x'",
        "FOR 'app' NEAR 'x' AS 'x'",
      ]) {
        assert.match((await refusal(admin.query(`EXPLAIN ROUTE ${wrong}`), 1064)).message, /The form is EXPLAIN/);
      }
    } finally {
      await admin.end();
    }
  });
});
