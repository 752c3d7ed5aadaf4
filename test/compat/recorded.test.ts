/**
 * Plays recordings of a real ProxySQL against the admin port (environment variable SLUICE_GOLDEN names their folder) and
 * accepts the differences listed here, each with its reason, and no other.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { startTestAdminPlane } from '../unit/admin/admin-plane.ts';

const run = promisify(execFile);
const folder = process.env.SLUICE_GOLDEN;

interface Accepted {
  /** Matched against `conn op: statement`. */
  readonly step: RegExp;
  /** Paths that may differ; any when absent. */
  readonly paths?: RegExp;
  readonly why: string;
}

const ACCEPTED: readonly Accepted[] = [
  { step: /^(app|c8|c9)\b/, why: 'there is no data plane in this test' },
  { step: /./, paths: /^rows\.\w+\[(admin-mysql_ifaces|mysql-interfaces|admin-version)\]$/, why: 'ports and versions' },
  { step: /version(\(\)|'|$)|'mysql-interfaces'|AS memory, r\./i, paths: /^rows/, why: 'ports and versions' },
  { step: /SHOW WARNINGS$/, why: 'works here' },
  { step: /SHOW (CHARSET|COLLATION)|mysql_collations/, why: 'misspelt names of collations are put right' },
  { step: /runtime_mysql_query_rules$/, paths: /Create Table/, why: 'the twin has the layout of its table' },
  { step: /read_only/, paths: /^(columns|eof)/, why: 'no canned packets with metadata of their own' },
  {
    step: / LOAD (MYSQL|ADMIN) VARIABLES TO RUNTIME$/,
    paths: /^warnings$/,
    why: 'values that were not taken are told',
  },
  { step: /: SET /i, why: 'unknown names and values out of range are refused at once' },
  {
    step: /\b(max_connections|mysql-default_schema)'/,
    paths: /^rows/,
    why: 'follows from a SET that was refused or taken',
  },
  { step: /;./, why: 'all statements of a packet run' },
  { step: /proxysql_servers/, paths: /^rows/, why: 'follows from all statements of a packet having run' },
  { step: / LIMIT 1$|DELETE FROM mysql_users WHERE username='m1'$/, why: 'SQLite is built with UPDATE … LIMIT' },
  { step: /CONCAT|sqlite_version|EXPLAIN/, why: 'a newer SQLite' },
  {
    step: /DROP TABLE|ATTACH|PRAGMA nosuch|VACUUM|ANALYZE|REINDEX/,
    paths: /^affected_rows$/,
    why: 'a stale count: that of the last change, which need not be the same',
  },
  { step: /query: $/, paths: /^(columns\.0\.name|rows)/, why: 'SQL that is not UTF-8 is taken for latin1' },
  { step: /change_user/, why: 'is answered' },
  {
    step: /^c1 connect/,
    paths: /^handshake\./,
    why: 'no compression is offered; the greeting tells that backslashes escape nothing',
  },
  { step: /SHOW FIELDS FROM ' OR/, paths: /^message$/, why: 'another spot of the same error' },
  {
    step: /(SQLITESERVER|CLICKHOUSE|COREDUMP|DIGEST|CONFIG|CHECKSUM|MYSQL USER \w+ TO)|PROXYSQL (RESUME|START|MEMPROFILE|CLUSTER)|PROXYSQLTEST|SIGNAL|KILL CONNECTION|PULL VERSION/,
    why: 'comes later',
  },
  { step: /coredump_filters/, paths: /^rows/, why: 'comes later' },
];

describe('recordings of ProxySQL 2.7.1', {
  skip: folder === undefined ? 'SLUICE_GOLDEN names no recordings' : false,
}, () => {
  for (const topic of ['01-schema', '02-variables', '03-promotion', '04-dml', '12-crashes']) {
    test(`${topic}: every difference is known`, async () => {
      const path = join(folder ?? '', `${topic}.json`);
      const { cnf } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cnf: string };
      const it = await startTestAdminPlane(
        cnf.replaceAll('{{ADMIN_PORT}}', '0').replaceAll('{{MYSQL_PORT}}', '1').replaceAll('{{DATADIR}}', '/nowhere'),
      );
      try {
        const admin = ['--admin', `127.0.0.1:${it.port}`, '--mysql', '127.0.0.1:1', '--datadir', it.dataDir];
        const replay = run('python3', [join(folder ?? '', 'tools', 'golden.py'), 'replay', path, ...admin], {
          maxBuffer: 1 << 26,
        });
        // It ends with 1 when something differs.
        const { stdout } = await replay.catch((error: { stdout: string }) => error);
        const [, equal, all] = /(\d+) of (\d+) steps equal/.exec(stdout) ?? [];
        const differences = [...stdout.matchAll(DIFFERENCE)];
        assert.equal(differences.length, Number(all) - Number(equal), stdout.slice(-2000));
        assert.deepEqual(differences.flatMap(unknownPaths), []);
      } finally {
        await it.stop();
      }
    });
  }
});

/** The replayer prints `step N [conn op] statement`, and below it `differs at: path, path`. */
const DIFFERENCE = /^step \d+ \[(\S+) (\S+)\] ([\s\S]*?)\n {3}differs at: (.*)$/gm;

function unknownPaths([, conn, op, statement = '', paths = '']: RegExpExecArray): string[] {
  const step = `${conn} ${op}: ${statement}`;
  const isKnown = (path: string): boolean =>
    ACCEPTED.some((one) => one.step.test(step) && (one.paths?.test(path) ?? true));
  return paths
    .split(', ')
    .filter((path) => !isKnown(path))
    .map((path) => `${step}: ${path}`);
}
