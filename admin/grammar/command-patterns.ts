/**
 * The commands of the admin port that are neither SQL nor LOAD and SAVE of a whole module: PROXYSQL …, KILL, LOGENTRY and
 * their like. Pure. Names that are almost a command match nothing here, and SQLite finds a syntax error in them.
 */
import type { AdminStatement, Pattern, ProxysqlAction } from './statement.ts';

const OK = { kind: 'ok' } as const;

/** `PROXYSQL <words>`, exactly. */
const PROXYSQL_ACTIONS: Readonly<Record<string, ProxysqlAction>> = {
  SHUTDOWN: 'shutdown',
  'SHUTDOWN SLOW': 'shutdown-slow',
  KILL: 'kill',
  RESTART: 'restart',
  START: 'start',
  STOP: 'stop',
  PAUSE: 'pause',
  RESUME: 'resume',
  READONLY: 'readonly',
  READWRITE: 'readwrite',
  'RELOAD TLS': 'reload-tls',
  'FLUSH LOGS': 'flush-logs',
  'FLUSH QUERY CACHE': 'flush-query-cache',
  'FLUSH MYSQL CLIENT HOSTS': 'flush-client-hosts',
  'FLUSH CONFIGDB': 'flush-configdb',
};

function proxysqlAction([, words = '']: RegExpExecArray): AdminStatement | undefined {
  const key = words.toUpperCase();
  const action = Object.hasOwn(PROXYSQL_ACTIONS, key) ? PROXYSQL_ACTIONS[key] : undefined;
  return action === undefined ? undefined : { kind: 'proxysql', action };
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** Numbers as C reads them: what does not begin with digits is 0. */
function leadingNumber(text: string): number {
  return Number(/^-?\d+/.exec(text)?.[0] ?? 0);
}

/** Modules that are not there, and whose commands ProxySQL takes all the same: their variables are kept like others. */
const ABSENT_MODULES = 'sqliteserver|clickhouse';

function copyForeignVariables([, module = '']: RegExpExecArray, edge: 'disk>memory' | 'memory>disk'): AdminStatement {
  return { kind: 'copy-variables', prefix: `${module.toLowerCase()}-`, edge };
}

const FOR_EVERYBODY: readonly Pattern[] = [
  // By their beginning, as in ProxySQL: even BEGINNER is a BEGIN.
  { when: /^(begin|start transaction|commit|rollback)/i, is: OK },
  { when: /^(LOCK TABLES|UNLOCK TABLES)/, is: OK },
  // What mysqldump puts around its statements.
  { when: /^\/\*!(40014|40101|40103|40111|80000|50503|50717|50112|40100|40000) /, is: OK },
];

const FOR_ADMINS: readonly Omit<Pattern, 'adminOnly'>[] = [
  { when: /^use( |$)/i, is: OK },
  { when: /^truncate( table)? (stats\.)?stats_mysql_query_digest(_reset)?$/i, is: { kind: 'truncate-digests' } },
  { when: /^save mysql digest to disk$/i, is: { kind: 'save-digests' } },
  { when: /^proxysql (.+)$/i, is: proxysqlAction },
  // There is no memory profiler to switch.
  { when: /^proxysql memprofile (start|stop)$/i, is: OK },
  {
    when: /^proxysql (compressed)?coredump(?: (.+))?$/i,
    is: ([, compressed, path]) => ({ kind: 'diagnostic-report', path, compressed: compressed !== undefined }),
  },
  // A peer introduces itself: its id and where it listens. Whoever speaks differently is no peer.
  { when: new RegExp(`^proxysql cluster_node_uuid ${UUID} .+$`, 'i'), is: OK },
  { when: /^proxysql cluster_node_uuid .+$/i, is: { kind: 'hang-up' } },
  { when: /^proxysqltest .+$/i, is: { kind: 'refuse', message: 'Invalid test' } },

  {
    when: /^load mysql user ([^ ]+) to runtime$/i,
    is: ([, username = '']) =>
      /^[A-Za-z0-9+_-]+$/.test(username)
        ? { kind: 'load-user', username }
        : { kind: 'refuse', message: `Invalid name ${username}` },
  },
  {
    when: new RegExp(`^load (${ABSENT_MODULES}) variables (?:to (?:memory|mem)|from disk)$`, 'i'),
    is: (match) => copyForeignVariables(match, 'disk>memory'),
  },
  {
    when: new RegExp(`^save (${ABSENT_MODULES}) variables (?:from (?:memory|mem)|to disk)$`, 'i'),
    is: (match) => copyForeignVariables(match, 'memory>disk'),
  },
  {
    when: new RegExp(`^load (${ABSENT_MODULES}) variables (?:from (?:memory|mem)|to (?:runtime|run))$`, 'i'),
    is: OK,
  },
  {
    when: new RegExp(`^save (${ABSENT_MODULES}) variables (?:to (?:memory|mem)|from (?:runtime|run))$`, 'i'),
    is: OK,
  },

  {
    when: /^save config to file(?: (.+))?$/i,
    is: ([, path = '']) => ({ kind: 'export-config', path, spelled: 'save' }),
  },
  {
    when: /^select config into outfile(?: (.+))?$/i,
    is: ([, path = '']) => ({ kind: 'export-config', path, spelled: 'select' }),
  },
  { when: /^select config file$/i, is: { kind: 'config-text' } },

  {
    when: /^kill connection (.+)$/i,
    is: ([, id = '']) => ({ kind: 'kill-connection', sessionId: leadingNumber(id) }),
  },
  {
    // As the mysql client sends it when its user presses Ctrl-C.
    when: /^kill (?:query|\/\*!\d+ query \*\/) (\d+)$/i,
    is: ([, id]) => ({ kind: 'kill-query', sessionId: Number(id) }),
    strictOnly: true,
  },
  {
    when: /^pull version mysql servers (\d+) (\d+)$/i,
    is: ([, version, seconds]) => ({
      kind: 'pull-version',
      version: Number(version),
      timeoutS: Number(seconds),
    }),
  },
  { when: /^pull version mysql servers .+$/i, is: { kind: 'refuse', message: 'Invalid argument' } },
  { when: /^logentry (.+)$/i, is: ([, text = '']) => ({ kind: 'log-entry', text }) },
  // There are no threads that sleep through something.
  { when: /^signal mysql threads$/i, is: OK },
  { when: /^show prometheus metrics$/i, is: { kind: 'prometheus' } },
];

export const COMMAND_PATTERNS: readonly Pattern[] = [
  ...FOR_EVERYBODY,
  ...FOR_ADMINS.map((pattern): Pattern => ({ ...pattern, adminOnly: true })),
];
