/**
 * Admin SQL to AdminStatement, by a table of patterns. Pure; it runs nothing and knows no session.
 *
 * Patterns are matched against the text with its white space collapsed and its trailing semicolons cut; what matches none
 * of them is SQL for SQLite. A comment in front hides a command, as in ProxySQL.
 */

import { CHECKSUM_PATTERNS } from './grammar/checksum-patterns.ts';
import { classifyExplainRoute } from './grammar/explain-route.ts';
import { LOOK_PATTERNS } from './grammar/look-patterns.ts';
import { SELECT_PATTERNS } from './grammar/select-patterns.ts';
import { classifySet } from './grammar/set-statement.ts';
import { SHOW_PATTERNS } from './grammar/show-patterns.ts';
import type { AdminRole, AdminStatement, Pattern } from './grammar/statement.ts';
import type { Edge } from './layers.ts';
import { MODULE_NAMES } from './modules/index.ts';

/** The text as patterns see it. */
export function collapse(sql: string): string {
  return sql
    .replace(/[ \t\r\n\f\v]+/g, ' ')
    .trim()
    .replace(/[; ]+$/, '');
}

/** Says what one statement (see splitStatements) asks for. */
export function classify(sql: string, role: AdminRole): AdminStatement {
  const text = collapse(sql);
  const promotion = role === 'admin' ? PROMOTIONS.get(text.toUpperCase()) : undefined;
  if (promotion !== undefined) return promotion;
  if (role === 'admin' && /^set /i.test(text)) {
    const set = classifySet(sql.trim().replace(/[;\s]+$/, ''), text);
    if (set !== undefined) return set;
  }
  const explain = role === 'admin' ? classifyExplainRoute(sql, text) : undefined;
  if (explain !== undefined) return explain;
  for (const { when, is, adminOnly } of PATTERNS) {
    if (adminOnly === true && role !== 'admin') continue;
    const match = when.exec(text);
    if (match === null) continue;
    const statement = typeof is === 'function' ? is(match) : is;
    if (statement !== undefined) return statement;
  }
  if (role === 'stats' && /^(pragma|attach)/i.test(text)) return { kind: 'refuse', message: 'Command not allowed' };
  return { kind: 'sql', sql };
}

const OK = { kind: 'ok' } as const;

/** Every spelling of an edge. Note that LOAD … TO MEMORY comes from disk, and LOAD … FROM MEMORY goes to the runtime. */
const EDGE_SPELLINGS: Readonly<Record<Edge, readonly string[]>> = {
  'disk>memory': ['LOAD * TO MEMORY', 'LOAD * TO MEM', 'LOAD * FROM DISK'],
  'memory>disk': ['SAVE * FROM MEMORY', 'SAVE * FROM MEM', 'SAVE * TO DISK'],
  'memory>runtime': ['LOAD * FROM MEMORY', 'LOAD * FROM MEM', 'LOAD * TO RUNTIME', 'LOAD * TO RUN'],
  'runtime>memory': ['SAVE * TO MEMORY', 'SAVE * TO MEM', 'SAVE * FROM RUNTIME', 'SAVE * FROM RUN'],
  'config>memory': ['LOAD * FROM CONFIG'],
};

/** Modules × edges × spellings, by their text. */
const PROMOTIONS: ReadonlyMap<string, AdminStatement> = new Map(
  (Object.keys(EDGE_SPELLINGS) as Edge[]).flatMap((edge) =>
    EDGE_SPELLINGS[edge].flatMap((spelling) =>
      MODULE_NAMES.map((module): [string, AdminStatement] => [
        spelling.replace('*', module),
        { kind: 'promote', module, edge },
      ]),
    ),
  ),
);

/** Commands of ProxySQL that this version does not carry out; they are named so that the answer is no riddle. */
const LATER =
  /^((LOAD|SAVE) (SQLITESERVER VARIABLES|CLICKHOUSE VARIABLES|COREDUMP) (TO|FROM) \w+|LOAD MYSQL USER \S+ TO RUNTIME|SAVE MYSQL DIGEST TO DISK|SAVE CONFIG TO FILE.*|SELECT CONFIG (FILE|INTO OUTFILE).*|KILL CONNECTION \S+|PULL VERSION .+|LOGENTRY .+|SIGNAL MYSQL THREADS|PROXYSQL (START|STOP|RESTART|PAUSE|RESUME|RELOAD TLS|FLUSH (MYSQL CLIENT HOSTS|CONFIGDB)|COREDUMP.*|COMPRESSEDCOREDUMP.*|MEMPROFILE \w+|CLUSTER_NODE_UUID .+)|SHOW PROMETHEUS METRICS|PROXYSQL_SIMULATOR .+|PROXYSQLTEST .+)$/i;

/** MySQL's ER_NOT_SUPPORTED_YET. */
const NOT_SUPPORTED_YET = 1235;

const PATTERNS: readonly Pattern[] = [
  // By their beginning, as in ProxySQL: even BEGINNER is a BEGIN.
  { when: /^(begin|start transaction|commit|rollback)/i, is: OK },
  { when: /^(LOCK TABLES|UNLOCK TABLES)/, is: OK },
  // What mysqldump puts around its statements.
  { when: /^\/\*!(40014|40101|40103|40111|80000|50503|50717|50112|40100|40000) /, is: OK },
  { when: /^use( |$)/i, is: OK, adminOnly: true },
  {
    when: /^truncate( table)? (stats\.)?stats_mysql_query_digest(_reset)?$/i,
    is: { kind: 'truncate-digests' },
    adminOnly: true,
  },
  { when: /^proxysql shutdown$/i, is: { kind: 'proxysql', action: 'shutdown' }, adminOnly: true },
  { when: /^proxysql shutdown slow$/i, is: { kind: 'proxysql', action: 'shutdown-slow' }, adminOnly: true },
  { when: /^proxysql kill$/i, is: { kind: 'proxysql', action: 'kill' }, adminOnly: true },
  { when: /^proxysql readonly$/i, is: { kind: 'proxysql', action: 'readonly' }, adminOnly: true },
  { when: /^proxysql readwrite$/i, is: { kind: 'proxysql', action: 'readwrite' }, adminOnly: true },
  { when: /^proxysql flush logs$/i, is: { kind: 'proxysql', action: 'flush-logs' }, adminOnly: true },
  { when: /^proxysql flush query cache$/i, is: { kind: 'proxysql', action: 'flush-query-cache' }, adminOnly: true },
  {
    when: LATER,
    is: ([text]) => ({
      kind: 'refuse',
      code: NOT_SUPPORTED_YET,
      sqlState: '42000',
      message: `This version of sluice doesn't yet support '${firstWords(text)}'`,
    }),
    adminOnly: true,
  },
  ...CHECKSUM_PATTERNS,
  ...LOOK_PATTERNS,
  ...SHOW_PATTERNS,
  ...SELECT_PATTERNS,
];

/** Enough of a command to recognise it; what follows could hold a secret. */
function firstWords(text: string): string {
  return text.split(' ').slice(0, 4).join(' ');
}
