/**
 * A LOAD is atomic over all workers: old or new, never a mix; answered when everybody has it; nobody is disconnected.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { refusal, rowsOf, Stage, scalar } from '../helpers/stage.ts';
import { within } from '../helpers/wait.ts';

const WORKERS = 2;
const SESSIONS = 12;
const LOADS = 30;

describe('promotion to two workers', () => {
  let stage: Stage;
  let admin: Connection;
  let sessions: Connection[];

  /** Two rules that only agree within one snapshot: what the first one makes of a probe, the second one answers. */
  const configure = async (release: number): Promise<void> => {
    await admin.query(`UPDATE mysql_query_rules SET replace_pattern = 'probe of ${release}' WHERE rule_id = 1`);
    await admin.query(
      `UPDATE mysql_query_rules SET match_pattern = '^probe of ${release}$', error_msg = '${release}' WHERE rule_id = 2`,
    );
    await admin.query('LOAD MYSQL QUERY RULES TO RUNTIME');
  };

  /** The release a session sees; anything but the second rule's message means that it saw a mix. */
  const probe = async (session: Connection): Promise<number> =>
    Number((await refusal(session.query('probe'), 1148)).message);

  before(async () => {
    stage = await Stage.start({
      workers: WORKERS,
      rules: [
        { rule_id: 1, active: 1, match_pattern: '^probe$', replace_pattern: 'probe of 0', flagOUT: 7, apply: 0 },
        { rule_id: 2, active: 1, flagIN: 7, match_pattern: '^probe of 0$', error_msg: '0', apply: 1 },
      ],
    });
    admin = await stage.sluice.connectAdmin();
    sessions = await Promise.all(Array.from({ length: SESSIONS }, () => stage.connect()));
  });

  after(async () => {
    admin?.destroy();
    for (const session of sessions ?? []) session.destroy();
    await stage?.stop();
  });

  test('the sessions are spread over both workers', async () => {
    const rows = await stage.sluice.admin("SELECT DISTINCT ThreadID FROM stats_mysql_processlist WHERE user = 'app'");
    assert.equal(rows.length, WORKERS);
  });

  test('every session has the new rules when the LOAD is answered', async () => {
    for (let release = 1; release <= LOADS; release += 1) {
      await configure(release);
      assert.deepEqual(await Promise.all(sessions.map(probe)), Array(SESSIONS).fill(release));
    }
  });

  test('during a LOAD each session sees old or new, and never goes back', async () => {
    let going = true;
    let probes = 0;
    const loops = sessions.map(async (session) => {
      let last = 0;
      while (going) {
        const seen = await probe(session);
        assert.ok(seen >= last, `release ${seen} after release ${last}`);
        last = seen;
        probes += 1;
      }
    });
    for (let release = 101; release <= 100 + LOADS; release += 1) await configure(release);
    going = false;
    await Promise.all(loops);
    assert.ok(probes > LOADS);
  });

  test('users, servers and rules changed together leave running queries and sessions alone', async () => {
    const running = sessions.slice(0, 4).map((session) => scalar(session, 'SELECT SLEEP(1) + 40'));
    for (let round = 0; round < 10; round += 1) {
      await admin.query(`UPDATE mysql_servers SET comment = 'round ${round}', max_connections = ${100 + round}`);
      await admin.query(`UPDATE mysql_users SET comment = 'round ${round}'`);
      await admin.query('LOAD MYSQL SERVERS TO RUNTIME');
      await admin.query('LOAD MYSQL USERS TO RUNTIME');
      await admin.query('LOAD MYSQL VARIABLES TO RUNTIME');
    }
    assert.deepEqual(await Promise.all(running), ['40', '40', '40', '40']);
    for (const session of sessions) assert.equal(await scalar(session, 'SELECT 3'), '3');
  });

  test('a session outlives its deleted user, but nobody logs in as that user again', async () => {
    await admin.query("INSERT INTO mysql_users (username, password) VALUES ('brief', 'brief')");
    await admin.query('LOAD MYSQL USERS TO RUNTIME');
    const brief = { user: 'brief', password: 'brief' };
    const session = await stage.sluice.connect(brief);
    await admin.query("DELETE FROM mysql_users WHERE username = 'brief'");
    await admin.query('LOAD MYSQL USERS TO RUNTIME');
    await session.ping();
    await refusal(stage.sluice.connect(brief), 1045);
    session.destroy();
  });

  test('a pattern that cannot be compiled is named by rule and reason, and the others work', async () => {
    await admin.query(
      "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, error_msg) VALUES (9, 1, 'a(b', 'x')",
    );
    await admin.query(
      "INSERT INTO mysql_query_rules (rule_id, active, match_digest, error_msg, apply) VALUES (10, 1, '^SELECT ten', 'ten', 1)",
    );
    await admin.query('LOAD MYSQL QUERY RULES TO RUNTIME');
    for (const session of sessions) assert.equal((await refusal(session.query('SELECT ten'), 1148)).message, 'ten');
    const warning = stage.sluice.log.waitFor((line) => line.includes('mysql_query_rules 9: match_pattern'));
    assert.match(await within(warning, 'the log names rule 9'), /"level":40.*match_pattern: missing \)/);
    await admin.query('DELETE FROM mysql_query_rules WHERE rule_id IN (9, 10)');
    await admin.query('LOAD MYSQL QUERY RULES TO RUNTIME');
  });

  test('hits of all workers are added up', async () => {
    await admin.query('LOAD MYSQL QUERY RULES TO RUNTIME');
    for (const session of sessions) await probe(session);
    const hits = await rowsOf(admin, 'SELECT rule_id, hits FROM stats_mysql_query_rules ORDER BY rule_id');
    assert.deepEqual(
      hits.map((row) => [Number(row.rule_id), Number(row.hits)]),
      [
        [1, SESSIONS],
        [2, SESSIONS],
      ],
    );
  });
});
