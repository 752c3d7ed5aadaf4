/** SLUICE VARIABLES: the module and its spellings, and what sluice-strict switches. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { classify } from '../../../admin/classify.ts';
import { exportConfig } from '../../../admin/config-file/export.ts';
import { readSluiceVariables } from '../../../runtime/variables.ts';
import { DispatchStage } from './dispatch-stage.ts';

describe('SLUICE VARIABLES', () => {
  let it: DispatchStage;
  before(async () => {
    it = await DispatchStage.start();
  });
  after(() => it.stop());

  test('take every spelling MYSQL VARIABLES take', () => {
    for (const edge of [
      'LOAD * TO MEMORY',
      'load * from disk',
      'SAVE * TO DISK',
      'LOAD * TO RUN',
      'SAVE * FROM RUNTIME',
    ]) {
      const [ours, mysqls] = ['SLUICE', 'MYSQL'].map((name) =>
        classify(edge.replace('*', `${name} VARIABLES`), 'admin'),
      );
      assert.deepEqual(ours, { ...mysqls, module: 'SLUICE VARIABLES' });
    }
  });

  test('are set in memory, count when loaded, stay when saved', async () => {
    await it.all("SET sluice-pipelining='false'");
    assert.deepEqual(await it.rows('SELECT @@sluice-pipelining'), [['false']]);
    assert.equal(readSluiceVariables(it.plane.current.sluiceVariables).pipelining, true);
    const inRuntime = "SELECT variable_value FROM runtime_global_variables WHERE variable_name='sluice-pipelining'";
    assert.deepEqual(await it.rows(inRuntime), [['true']]);
    await it.all('LOAD SLUICE VARIABLES TO RUNTIME', 'SAVE SLUICE VARIABLES TO DISK');
    assert.equal(readSluiceVariables(it.plane.current.sluiceVariables).pipelining, false);
    assert.deepEqual(await it.rows(inRuntime), [['false']]);
    assert.deepEqual(await it.rows(inRuntime.replace('runtime_', 'disk.')), [['false']]);
    const shown = new Map((await it.rows('SHOW SLUICE VARIABLES')).map(([name, value]) => [name, value]));
    assert.equal(shown.get('sluice-pipelining'), 'false');
    assert.ok([...shown.keys()].every((name) => String(name).startsWith('sluice-')));
  });

  test('are the last section of a config file', () => {
    assert.match(exportConfig(it.context.db.handle), /\)\n\nsluice_variables =\n\{\n(\t\w+="[^"]*"\n)+\}\n$/);
  });

  test('are judged as the others are', async () => {
    assert.equal(
      await it.error("SET sluice-masking_default_policy='nobody'"),
      "1231 42000 ProxySQL Admin Error: Variable 'sluice-masking_default_policy' must be one of exempt, masked, deny",
    );
  });

  test('SET of a variable without effect is answered with a warning, once', async () => {
    assert.deepEqual(await it.run('SET mysql-poll_timeout=1000'), { kind: 'ok', affectedRows: 1, warnings: 1 });
    const [[level, , message] = []] = await it.rows('SHOW WARNINGS');
    assert.equal(level, 'Warning');
    assert.match(String(message), /mysql-poll_timeout.*has no effect in sluice/);
    assert.deepEqual(await it.run('LOAD MYSQL VARIABLES TO RUNTIME'), { kind: 'ok', affectedRows: 0, warnings: 0 });
    assert.deepEqual(await it.run('SET mysql-poll_timeout=2000'), { kind: 'ok', affectedRows: 1 });
  });

  describe('with sluice-strict off', () => {
    before(() => it.all('SET sluice-strict=false', 'LOAD SLUICE VARIABLES TO RUNTIME'));
    after(() => it.all('SET sluice-strict=true', 'LOAD SLUICE VARIABLES TO RUNTIME'));

    test('SET of an unknown variable is OK with an info text, as ProxySQL says it', async () => {
      assert.deepEqual(await it.run('SET foo=1'), { kind: 'ok', info: "ERROR: Unknown global variable: 'foo'." });
    });

    test('SET takes any value, and LOAD puts the old one back in silence', async () => {
      assert.deepEqual(await it.run('SET mysql-max_connections=0'), { kind: 'ok', affectedRows: 1 });
      assert.deepEqual(await it.rows('SELECT @@mysql-max_connections'), [['0']]);
      assert.deepEqual(await it.run('LOAD MYSQL VARIABLES TO RUNTIME'), { kind: 'ok', affectedRows: 0, warnings: 0 });
      assert.deepEqual(it.session.warnings, []);
      assert.deepEqual(await it.rows('SELECT @@mysql-max_connections'), [['10000']]);
    });

    test('lists have what ProxySQL has; what is asked for by name is there', async () => {
      for (const place of ['', ' FROM disk', ' FROM stats']) {
        const tables = (await it.rows(`SHOW TABLES${place}`)).flat();
        assert.ok(tables.length > 10);
        assert.deepEqual(
          tables.filter((name) => String(name).includes('masking')),
          [],
        );
      }
      assert.deepEqual(await it.rows("SHOW TABLES LIKE 'mysql_masking_users'"), [['mysql_masking_users']]);
      const variables = (await it.rows('SHOW VARIABLES')).map(([name]) => String(name));
      assert.deepEqual(
        variables.filter((name) => name.startsWith('sluice-')),
        [],
      );
      assert.ok((await it.rows('SHOW SLUICE VARIABLES')).length > 5);
    });

    test('statements ProxySQL does not understand are syntax errors', async () => {
      for (const sql of ['SHOW WARNINGS', 'SHOW COUNT(*) WARNINGS', "SET mysql-default_schema='a=b'"]) {
        assert.match(await it.error(sql), /^1045 28000 ProxySQL Admin Error: near "\w+": syntax error/);
      }
      await it.all("SET sluice-admin_roles='jenkins=users-only'", "SET sluice-admin_roles=''");
    });

    test('what ProxySQL answers by packets of its own looks like them', async () => {
      const reply = await it.run('SELECT @@global.read_only');
      assert.equal(reply.kind === 'rows' && reply.packets, 'read-only-number');
    });
  });

  test('sluice-strict counts when it is in the runtime, not before', async () => {
    await it.all('SET sluice-strict=false');
    assert.match(await it.error('SET foo=1'), /^1193 /);
    await it.all('SET sluice-strict=true');
  });
});
