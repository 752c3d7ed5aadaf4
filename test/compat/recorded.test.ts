/**
 * Plays recordings of a real ProxySQL against sluice (environment variable SLUICE_GOLDEN names their folder) and accepts
 * the differences listed here, each with its reason, and no other.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Difference, missingGolden, recordedConnections, replayGolden } from '../helpers/golden-replay.ts';

interface Accepted {
  /** Matched against `conn op: statement`. */
  readonly step: RegExp;
  /** Paths that may differ; any when absent. */
  readonly paths?: RegExp;
  readonly why: string;
}

const ACCEPTED: readonly Accepted[] = [
  {
    step: /^app(#2)? query: SELECT id/,
    paths: /^(code|error|message|sqlstate|type)$/,
    why: 'who loses a connection to an OFFLINE_HARD server is told',
  },
  { step: /^l connect: $/, paths: /^(auth|handshake)/, why: 'caching_sha2_password works without TLS; capabilities' },
  { step: /backend_log/, paths: /^log(\..*)?$/, why: 'logins, SET NAMES, USE and PING to servers are our own' },
  { step: /^h12 query/, paths: /^(rows|columns)/, why: 'collations of MySQL 8 stand for their character set' },
  { step: /SELECT @@autocommit$/, paths: /^rows/, why: 'what was set' },
  {
    step: /^app#new query: SELECT LAST_INSERT_ID\(\)$/,
    paths: /^columns\.0\.(flags|length)$/,
    why: 'a server is asked, since the last OK does not always tell',
  },
  {
    step: /^app query: SELECT REPEAT\('a',300\)/,
    paths: /^columns\.7\.length$/,
    why: "after SET CHARACTER SET the connection's character set is the schema's, as on a server",
  },
  {
    step: /^app query: SELECT id FROM golden\.people WHERE id=1$/,
    paths: /^eof[12]\.1$/,
    why: 'autocommit=0 is set on the server before a SELECT as well, which opens a transaction',
  },
  {
    step: /^(sl|k) query: SELECT/,
    paths: /^eof1\.1$/,
    why: "ProxySQL's connection was another user's before, and COM_CHANGE_USER tells of no change",
  },
  {
    step: /^app#c12 query/,
    why: 'the server answers COM_BINLOG_DUMP before it hangs up; on a slow machine the replayer does not see that in time',
  },
  { step: /LOAD DATA LOCAL INFILE '\/tmp\/x'/, why: "the client's own file is asked for, not one of the proxy" },
  { step: /^PROXYSQL SHUTDOWN$/, why: 'does what it says' },
  { step: /./, paths: /^rows\.\w+\[(admin-mysql_ifaces|mysql-interfaces|admin-version)\]$/, why: 'ports and versions' },
  { step: /version(\(\)|'|$)|'mysql-interfaces'|AS memory, r\./i, paths: /^rows/, why: 'ports and versions' },
  {
    step: /FROM (disk\.|runtime_)?global_variables( ORDER BY variable_name)?$/,
    paths: /^(rows|rows\.COUNT.*|affected_rows)$/,
    why: "sluice's own variables are among them",
  },
  {
    step: /FROM (\w+\.)?sqlite_master/i,
    paths: /^rows/,
    why: "sluice's own tables",
  },
  {
    step: /\bmax_connections'/,
    paths: /^rows/,
    why: 'follows from a SET that was refused or taken',
  },
  { step: / LIMIT 1$|DELETE FROM mysql_users WHERE username='m1'$/, why: 'SQLite is built with UPDATE … LIMIT' },
  { step: /CONCAT|sqlite_version|EXPLAIN/, why: 'a newer SQLite' },
  {
    step: /DROP TABLE|ATTACH|PRAGMA nosuch|VACUUM|ANALYZE|REINDEX/,
    paths: /^affected_rows$/,
    why: 'a stale count: that of the last change, which need not be the same',
  },
  { step: /query: $/, paths: /^(columns\.0\.name|rows)/, why: 'SQL that is not UTF-8 is taken for latin1' },
  { step: /change_user|^admin#cu /, why: 'is answered, and the session goes on' },
  { step: /^admin#ps\d? |^admin#1f cmd/, why: 'prepared statements and COM_RESET_CONNECTION work' },
  { step: /stats_mysql_global$/, paths: /^(affected_rows|rows)/, why: "sluice's own counters are among them" },
  {
    step: /^(c1|x) connect/,
    paths: /^handshake\./,
    why: 'no compression is offered; the greeting tells that backslashes escape nothing',
  },
  { step: /SHOW FIELDS FROM ' OR/, paths: /^message$/, why: 'another spot of the same error' },
  { step: /PROXYSQLTEST/, why: 'no such tests' },
  { step: /SELECT CONFIG (FILE|INTO)/, paths: /^(rows|affected_rows|extra_packets)/, why: 'our header, our version' },
  { step: /read_file/, paths: /^content$/, why: 'our header, our version' },
  { step: /grep_log/, why: 'a log of our own' },
  { step: /^app query: USE db2$/, paths: /^status$/, why: 'an error outside a transaction opens none' },
  { step: /commands_counters WHERE Total_cnt>0/, paths: /^rows$/, why: 'counts are there at once' },
  {
    step: /^(h1|v2?) connect/,
    paths: /^handshake\.connection_id$/,
    why: 'on a slow machine the replayer knocks more often before it is let in',
  },
  {
    step: /SHOW (FULL )?PROCESSLIST$/,
    paths: /^rows\.(time_ms|SessionID)$/,
    why: 'the age of an idle session is exact; on a slow machine the replayer knocks more often before it is let in',
  },
  {
    step: /processlist/i,
    paths: /^rows\.status_flags$/,
    why: 'SET @x binds a session to its connection, not to the hostgroup',
  },
  {
    step: /FROM stats_mysql_global WHERE/,
    paths: /\[(Com_commit|ConnPool_get_conn_success)\]$/,
    why: 'the same; a connection is kept shorter after an INSERT',
  },
];

/** Topics by whether statements of theirs reach a database; the longest first. */
const TOPICS: Readonly<Record<string, boolean>> = {
  '07-query-rules': true,
  '08-digests': false,
  '11-dataplane': true,
  '06-servers': true,
  '05-users': true,
  '01-schema': false,
  '02-variables': false,
  '03-promotion': false,
  '04-dml': false,
  '08b-stats': true,
  '09-checksums': false,
  '10-config': false,
  '12-crashes': true,
};

/** The hostgroup of each of the echoing server's connections in 07-query-rules. */
const HOSTGROUP_OF: Readonly<Record<string, string>> = { 1: 'zero', 5: 'zero', 2: 'one' };

/**
 * The echoing server says on which of its connections it was asked, counted in the order in which they came. Which of the
 * free ones a statement gets, and how many have come before (for a KILL, a mirrored statement, a second one while the
 * first is being reset) is a matter of time; which hostgroup it belongs to is not: no connection stands for both.
 */
function sameHostgroups(differences: readonly Difference[], recorded: ReadonlyMap<string, number>): boolean {
  const left = new Map(recorded);
  const hostgroups = new Map<string, string | undefined>();
  const consistent = (number: string, hostgroup: string | undefined): boolean => {
    const known = hostgroups.get(number) ?? hostgroup;
    hostgroups.set(number, known);
    return hostgroup !== undefined && known === hostgroup;
  };
  const numbers = differences
    .filter(({ paths }) => paths.includes('rows.conn'))
    .map(({ answers }) => [...answers.matchAll(/"(\d+)"\]\]/g)].map(([, number]) => number ?? ''));
  return (
    numbers.every(([wanted = '', got = '']) => {
      left.set(wanted, (left.get(wanted) ?? 0) - 1);
      return consistent(got, HOSTGROUP_OF[wanted]);
    }) && [...left].every(([number, count]) => count === 0 || consistent(number, HOSTGROUP_OF[number]))
  );
}

describe('recordings of ProxySQL 2.7.1', { skip: missingGolden(), concurrency: 4 }, () => {
  for (const [topic, database] of Object.entries(TOPICS)) {
    test(`${topic}: every difference is known`, async (t) => {
      const { differences, equal, all } = await replayGolden(topic, { database });
      t.diagnostic(`${equal} of ${all} steps equal`);
      const routedAlike = topic === '07-query-rules' && sameHostgroups(differences, recordedConnections(topic));
      const unknown = differences.flatMap(({ step, paths, answers }) => {
        const strange = paths.filter((path) => !isAccepted(step, path) && !(path === 'rows.conn' && routedAlike));
        return strange.length === 0 ? [] : [`${step}\n${strange.join(', ')}\n${answers}`];
      });
      assert.equal(unknown.join('\n\n'), '');
    });
  }
});

function isAccepted(step: string, path: string): boolean {
  return ACCEPTED.some((one) => one.step.test(step) && (one.paths?.test(path) ?? true));
}
