/**
 * Statements broken up at random, in several character sets and SQL modes: what the judge lets through unmasked shows no
 * protected value on a real server. Most are no SQL any more, which is the point: where a server still understands one,
 * the judge must have understood the same.
 *
 * SLUICE_MASKING_STATEMENTS (times four) says how many, SLUICE_MASKING_SEED where they begin.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import { Judge, type ServerKind } from '../../src/masking/judge.ts';
import { type DatabaseServer, type MariadbOptions, startMariadb } from '../helpers/mariadb.ts';
import { clinicCatalog, clinicPolicy } from '../helpers/masking/clinic.ts';
import { LeakChecker } from '../helpers/masking/leaks.ts';
import { randomBytes } from '../helpers/masking/random-bytes.ts';
import { TWIN_SECRETS, twinSetup } from '../helpers/masking/twin-clinics.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';
import { Random } from '../helpers/random.ts';

const STATEMENTS = 4 * Number(process.env.SLUICE_MASKING_STATEMENTS ?? 125);
const SEED = Number(process.env.SLUICE_MASKING_SEED ?? 20_261_127);
/** Statements that are tried in one character set and mode before the next ones. */
const ROUND = 250;
const CHARSETS = ['utf8mb4', 'latin1', 'gbk', 'sjis', 'big5', 'cp1251', 'euckr', 'cp932', 'binary', 'ujis'];
const SQL_MODES = ['', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES', 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', 'IGNORE_SPACE'];

const TARGETS: readonly [ServerKind, (options: MariadbOptions) => Promise<DatabaseServer>, string | false][] = [
  [{ family: 'mariadb', version: 101_119 }, startMariadb, false],
  [{ family: 'mysql', version: 90_700 }, startMysql9, missingMysql9()],
];

describe('texts that are hard to read', () => {
  for (const [server, start, skip] of TARGETS) {
    test(`${server.family}: none is read differently by the server`, { skip }, async (t) => {
      const database = await start({ setup: twinSetup(0) });
      const { host, port } = database;
      // The driver sends a string's characters as bytes; the server is told what they are by SET NAMES.
      const options = { host, port, user: 'root', database: 'clinic', charset: 'LATIN1_SWEDISH_CI' };
      const connection = await mysql.createConnection({ ...options, multipleStatements: true });
      try {
        const { counts, failures } = await tryAll(server, connection);
        t.diagnostic(`seed ${SEED}: ${JSON.stringify(counts)}`);
        assert.deepEqual(failures, []);
        assert.ok(counts.ran > 0);
      } finally {
        connection.destroy();
        await database.stop();
      }
    });
  }
});

async function tryAll(server: ServerKind, connection: Connection) {
  const judge = new Judge(clinicPolicy(), clinicCatalog(), server);
  const checker = new LeakChecker(TWIN_SECRETS[0], 6);
  const random = new Random(SEED);
  const counts = { statements: 0, refused: 0, passed: 0, masked: 0, ran: 0 };
  const failures: string[] = [];
  let [charset, sqlMode] = ['', ''];
  for (; counts.statements < STATEMENTS && failures.length < 10; counts.statements += 1) {
    if (counts.statements % ROUND === 0) {
      charset = random.pick(CHARSETS);
      sqlMode = random.pick(SQL_MODES);
      await connection.query(`SET NAMES ${charset}`);
      await connection.query('SET character_set_results = utf8mb4');
      await connection.query(`SET sql_mode = '${sqlMode}'`);
    }
    const sql = randomBytes(random);
    const verdicts = judge.judge({
      text: Buffer.from(sql, 'latin1'),
      schema: 'clinic',
      sqlMode,
      charset,
      multiStatements: true,
    });
    if (verdicts.some(({ kind }) => kind === 'refuse')) {
      counts.refused += 1;
      continue;
    }
    counts[verdicts.some(({ kind }) => kind === 'mask') ? 'masked' : 'passed'] += 1;
    try {
      const [rows] = await connection.query({ sql, rowsAsArray: true });
      counts.ran += 1;
      // Several statements have a list of results.
      const results = verdicts.length > 1 ? (rows as unknown[]) : [rows];
      const leak = results.map((result, i) => leakIn(checker, result, verdicts[i])).find(Boolean);
      if (leak !== undefined)
        failures.push(`${leak} (${charset}, ${sqlMode}): ${JSON.stringify(sql)} ${JSON.stringify(verdicts)}`);
    } catch (error) {
      const { errno, message } = error as { errno?: number; message: string };
      if (errno === undefined) throw error;
      // The text of the statement is quoted in it; a value is not.
      const leak = checker.leakIn(message);
      if (leak !== undefined) failures.push(`${leak} in an error: ${JSON.stringify(sql)}`);
    }
  }
  return { counts, failures };
}

function leakIn(checker: LeakChecker, rows: unknown, verdict: ReturnType<Judge['judge']>[number] | undefined) {
  if (!Array.isArray(rows)) return undefined;
  const plan = verdict?.kind === 'mask' ? verdict.columns : undefined;
  for (const row of rows as unknown[]) {
    if (!Array.isArray(row)) continue;
    for (const [at, cell] of row.entries()) {
      if (plan?.[at]?.mask !== undefined) continue;
      const leak = checker.leakInCell(cell);
      if (leak !== undefined) return `column ${at + 1} shows ${leak}`;
    }
  }
  return undefined;
}
