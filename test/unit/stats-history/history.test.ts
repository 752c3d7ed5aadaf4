/**
 * History in proxysql_stats.db: samples at their times, hours out of them, digests on disk. The clock is the test's.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type AdminDatabase, openAdminDatabase } from '../../../admin/db/open.ts';
import { openHistory } from '../../../admin/db/open-history.ts';
import { HistoryWriter, historySamplesKeptS } from '../../../admin/stats-history/history-writer.ts';
import { HistoryRecorder } from '../../../admin/stats-history/recorder.ts';
import type { QueryDigestRow } from '../../../runtime/stats.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { FakePlane } from '../admin/fake-plane.ts';

/** Midnight of a day long ago. */
const START_S = 1_700_006_400;

let dataDir: string;
let db: AdminDatabase;
let plane: FakePlane;
let recorder: HistoryRecorder;
let nowS: number;
let variables: Record<string, string>;
let questions: number;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-history-'));
  db = openAdminDatabase({ dataDir, initial: false });
  plane = new FakePlane();
  nowS = START_S;
  questions = 0;
  variables = { stats_mysql_connections: '60', stats_system_cpu: '0', stats_system_memory: '300' };
  recorder = new HistoryRecorder({
    writer: new HistoryWriter(openHistory(dataDir)),
    plane,
    logger: silentLogger(),
    variables: () => variables,
    figures: async (table) =>
      new Map(
        table === 'stats_mysql_global'
          ? [
              ['Questions', String(questions)],
              ['Client_Connections_connected', String(questions % 4)],
              ['mysql_listener_paused', 'false'],
            ]
          : [['jemalloc_resident', '4096']],
      ),
    nowMs: () => nowS * 1000,
  });
});

afterEach(async () => {
  await recorder.close();
  db.close();
  rmSync(dataDir, { recursive: true });
});

const rows = (sql: string): unknown[] => db.handle.prepare(sql).raw().all();

async function pass(seconds: number, step: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed += step) {
    nowS += step;
    questions += 1;
    await recorder.tick();
  }
}

describe('history', () => {
  test('takes a sample in every interval, at once when it is switched on, and none when it is off', async () => {
    await recorder.tick();
    await pass(240, 20);
    assert.deepEqual(rows('SELECT timestamp, Questions FROM stats_history.mysql_connections'), [
      [START_S + 60, 3],
      [START_S + 120, 6],
      [START_S + 180, 9],
      [START_S + 240, 12],
    ]);
    assert.deepEqual(rows('SELECT COUNT(*) FROM stats_history.system_cpu'), [[0]]);
    assert.deepEqual(rows('SELECT COUNT(*) FROM stats_history.system_memory'), [[0]]);
    await pass(60, 20);
    assert.deepEqual(rows('SELECT timestamp, resident FROM stats_history.system_memory'), [[START_S + 300, 4096]]);
    assert.deepEqual(
      rows(`SELECT variable_value FROM stats_history.history_mysql_status_variables
              JOIN stats_history.history_mysql_status_variables_lookup USING (variable_id)
             WHERE variable_name='Questions' ORDER BY timestamp`),
      [['3'], ['6'], ['9'], ['12'], ['15']],
    );
  });

  test('makes an hour one row, and forgets what is older than a week', async () => {
    await recorder.tick();
    await pass(2 * 3600 + 300, 300);
    assert.deepEqual(
      rows('SELECT timestamp, Questions, Client_Connections_connected FROM stats_history.mysql_connections_hour'),
      [
        [START_S, 11, 1],
        [START_S + 3600, 23, 1],
      ],
    );
    await pass(historySamplesKeptS, 12 * 3600);
    assert.deepEqual(rows(`SELECT COUNT(*) FROM stats_history.mysql_connections WHERE timestamp < ${START_S + 3600}`), [
      [0],
    ]);
    assert.ok(rows('SELECT timestamp FROM stats_history.mysql_connections_hour').length > 10);
  });

  test('moves digests to the disk, when told to and by time', async () => {
    const digest: QueryDigestRow = {
      hostgroup: 1,
      schemaname: 's',
      username: 'u',
      clientAddress: '',
      digest: '0x1',
      digestText: "it's ?",
      countStar: 2,
      firstSeen: 10,
      lastSeen: 20,
      sumTimeUs: 5,
      minTimeUs: 1,
      maxTimeUs: 4,
      sumRowsAffected: 0,
      sumRowsSent: 3,
    };
    plane.rows['query-digest'] = [digest, { ...digest, digest: '0x2' }];
    assert.equal(await recorder.saveDigests(), 2);
    assert.equal(await recorder.saveDigests(), 0);
    assert.deepEqual(
      rows('SELECT dump_time, digest, digest_text, count_star FROM stats_history.history_mysql_query_digest'),
      [
        [START_S, '0x1', "it's ?", 2],
        [START_S, '0x2', "it's ?", 2],
      ],
    );
    variables.stats_mysql_query_digest_to_disk = '30';
    plane.rows['query-digest'] = [digest];
    await recorder.tick();
    await pass(30, 10);
    assert.deepEqual(rows('SELECT COUNT(*) FROM stats_history.history_mysql_query_digest'), [[3]]);
  });
});
