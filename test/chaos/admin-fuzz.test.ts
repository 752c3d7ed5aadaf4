/**
 * The admin port among statements and packets that make no sense: no crash, no hang, every answer well-formed.
 * `SLUICE_FUZZ_ADMIN` says how many are sent (default 800), `SLUICE_FUZZ_SEED` where it begins; a failure names its input.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { clientLogin } from '../../src/connection-phase/client-login.ts';
import { Command } from '../../src/protocol/commands.ts';
import { Random } from '../helpers/random.ts';
import { repositoryRoot } from '../helpers/repository.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { type AnswerKind, Ended, readAnswer } from '../helpers/strict-answers.ts';
import { within } from '../helpers/wait.ts';
import { RAW_CAPABILITIES, RawClient } from '../unit/connection-phase/raw-client.ts';

const COUNT = Number(process.env.SLUICE_FUZZ_ADMIN ?? 400);
const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? 4_711);
const CLIENTS = 4;
/** An answer that takes longer is a hang. */
const PATIENCE_MS = 20_000;

/** What would end the process or change who gets in, what would write where a mutation says, and what waits as long as it says. */
const LEFT_OUT =
  /pull\s+version.*\d\d|shutdown|coredump|proxysql\s+kill|proxysql\s+(stop|restart)|attach|vacuum|outfile|to\s+file|admin\s+variables|admin_credentials|recursive|randomblob|zeroblob|read_?only|readwrite|heap_limit|proxysqltest|simulator/i;

const EXTRA: readonly string[] = [
  "EXPLAIN ROUTE FOR 'app' AT '10.0.0.1' IN 'db' PORT 6033 AS 'SELECT 1'",
  "EXPLAIN FORMAT=JSON ROUTE FOR 'app' AS SELECT * FROM t",
  'SHOW DIFF',
  'SHOW DIFF MYSQL USERS',
  'SHOW RUNTIME HISTORY',
  'LOAD MYSQL USERS FROM HISTORY 1',
  'LOAD MYSQL QUERY RULES TO RUNTIME',
  'SAVE MYSQL USERS TO DISK',
  "INSERT INTO mysql_users (username, password) VALUES ('app', 'x'), ('b', NULL)",
  "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, apply) VALUES (1, 1, '^SELECT (\\d+)', 1)",
  "INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (0, 'h', 1)",
  "UPDATE global_variables SET variable_value='1' WHERE variable_name='mysql-threads'",
  'SET mysql-max_connections=100',
  "SET sluice-admin_roles='a=read-only'",
  'SELECT * FROM stats_mysql_global',
  'SELECT * FROM runtime_mysql_users JOIN mysql_servers',
  'SELECT a, b FROM (SELECT 1 AS a, "x" AS b) WHERE a IN (SELECT 1)',
  "CREATE TABLE t (a INT PRIMARY KEY, b TEXT CHECK (b <> ''))",
  'CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM t; SELECT 1; END',
  'DROP TABLE t',
  'DROP TABLE mysql_users',
  'ALTER TABLE mysql_servers ADD COLUMN extra',
  'PRAGMA writable_schema=1',
  'PRAGMA table_info(mysql_users)',
  'SELECT :a, ?1, @b, $c',
  "SELECT x'00ff', 1e999, -0.0, NULL",
  'WITH a(x) AS (SELECT 1) SELECT * FROM a; SELECT 2; SELECT',
  'BEGIN; ROLLBACK; END; SAVEPOINT a; RELEASE a',
  "SELECT FROM_UNIXTIME(1e300), MYSQL_NATIVE_PASSWORD('x'), CACHING_SHA2_PASSWORD(NULL)",
  ';',
  '',
  '/* only a comment',
  "'",
];

function corpus(): readonly string[] {
  const golden = JSON.parse(readFileSync(join(repositoryRoot, 'test/golden/admin-classify.json'), 'utf8')) as {
    cases: { sql: string }[];
  };
  const all = [...golden.cases.map(({ sql }) => sql), ...EXTRA];
  const recorded = process.env.SLUICE_GOLDEN;
  if (recorded !== undefined) {
    for (const name of readdirSync(recorded).filter((file) => /^(0[1-6]|09|12).*\.json$/.test(file))) {
      const { steps } = JSON.parse(readFileSync(join(recorded, name), 'utf8')) as {
        steps: { sql?: string; conn?: string }[];
      };
      for (const { sql, conn } of steps) if (sql !== undefined && conn?.startsWith('admin') === true) all.push(sql);
    }
  }
  return [...new Set(all)].filter((sql) => sql.length < 2_000 && !LEFT_OUT.test(sql));
}

const PIECES: readonly string[] = [
  "'",
  '"',
  '`',
  ';',
  '--',
  '/*',
  '*/',
  '(',
  ')',
  ',',
  '.',
  '\0',
  '\n',
  '\\',
  '%',
  '@@',
  '=',
  ' ',
  '\u00e9',
  '\u{1f41f}',
  '\ufeff',
  '\ud800',
  'SELECT',
  'FROM',
  'WHERE',
  'NULL',
  'TO RUNTIME',
  'FROM DISK',
  'MYSQL USERS',
  'runtime_mysql_users',
  'stats_mysql_query_digest_reset',
  '99999999999999999999',
  "''",
  'UNION ALL',
  'LIMIT -1',
  'main.',
  'disk.',
];

function mutated(random: Random, all: readonly string[]): string {
  let text = random.pick(all);
  for (let times = random.below(4); times > 0; times -= 1) {
    const at = random.below(text.length + 1);
    const length = random.below(8);
    switch (random.below(8)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length);
        break;
      case 1:
        text = text.slice(0, at) + random.pick(PIECES) + text.slice(at);
        break;
      case 2:
        text = text.slice(0, at);
        break;
      case 3: {
        const other = random.pick(all);
        text = text.slice(0, at) + other.slice(random.below(other.length + 1));
        break;
      }
      case 4:
        text = text.slice(0, at) + text.slice(at, at + length).repeat(1 + random.below(50)) + text.slice(at + length);
        break;
      case 5:
        text = `${text};${random.pick(all)}`;
        break;
      case 6:
        text = text.slice(0, at) + text.slice(at).toUpperCase();
        break;
      default:
        text =
          text.slice(0, at) + String.fromCharCode(random.below(random.chance(80) ? 256 : 65_536)) + text.slice(at + 1);
    }
  }
  return text;
}

function bytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

interface Sent {
  readonly payload: Buffer;
  /** undefined: the protocol has no answer to it. */
  readonly kind: AnswerKind | undefined;
  /** The server may end the connection instead. */
  readonly mayEnd: boolean;
}

const UNANSWERED: ReadonlySet<number> = new Set([Command.COM_STMT_CLOSE, Command.COM_STMT_SEND_LONG_DATA]);
const KINDS: Readonly<Record<number, AnswerKind>> = {
  [Command.COM_STATISTICS]: 'text',
  [Command.COM_STMT_PREPARE]: 'prepare',
  [Command.COM_STMT_EXECUTE]: 'execute',
  [Command.COM_FIELD_LIST]: 'field-list',
  [Command.COM_CHANGE_USER]: 'login',
};
const ANSWERED: readonly number[] = [
  Command.COM_QUERY,
  Command.COM_INIT_DB,
  Command.COM_PING,
  Command.COM_STATISTICS,
  Command.COM_SET_OPTION,
  Command.COM_FIELD_LIST,
  Command.COM_STMT_PREPARE,
  Command.COM_STMT_EXECUTE,
  Command.COM_STMT_RESET,
  Command.COM_STMT_CLOSE,
  Command.COM_STMT_SEND_LONG_DATA,
  Command.COM_PROCESS_KILL,
  Command.COM_RESET_CONNECTION,
  Command.COM_CHANGE_USER,
];

function command(byte: number, rest: Buffer): Sent {
  return {
    payload: Buffer.concat([Buffer.from([byte]), rest]),
    kind: UNANSWERED.has(byte) ? undefined : (KINDS[byte] ?? 'result'),
    // ProxySQL hangs up on PROXYSQL CLUSTER_NODE_UUID, and so does sluice.
    mayEnd:
      ![Command.COM_QUERY, Command.COM_PING, Command.COM_STMT_PREPARE].some((known) => known === byte) ||
      /cluster_node_uuid/i.test(rest.toString('latin1')),
  };
}

function nextInput(random: Random, all: readonly string[]): Sent {
  const dice = random.below(100);
  if (dice < 78) {
    const text = mutated(random, all);
    const raw = random.chance(5) ? Buffer.from(text, 'latin1') : Buffer.from(text, 'utf8');
    return command(random.chance(92) ? Command.COM_QUERY : Command.COM_STMT_PREPARE, raw);
  }
  if (dice < 84) return command(Command.COM_QUERY, bytes(random, random.below(200)));
  if (dice < 97) {
    // Small ids, so that some of them exist.
    const rest = random.chance(50)
      ? Buffer.concat([Buffer.from([random.below(6), 0, 0, 0]), bytes(random, random.below(40))])
      : bytes(random, random.below(40));
    return command(random.pick(ANSWERED), rest);
  }
  return command(random.below(256), bytes(random, random.below(60)));
}

describe('the admin port', () => {
  let sluice: SluiceProcess;
  before(async () => {
    sluice = await SluiceProcess.start({
      users: [{ username: 'app', password: 'x' }],
      adminVariables: { admin_credentials: 'admin:admin;other:other' },
    });
  });
  after(() => sluice.stop());

  const login = async (): Promise<RawClient> => {
    const socket = connect(sluice.adminPort, '127.0.0.1');
    await once(socket, 'connect');
    const { socket: loggedIn } = await clientLogin({
      socket,
      username: 'other',
      secret: { clear: 'other' },
      schema: '',
      capabilities: RAW_CAPABILITIES >>> 0,
      charset: 33,
      loginTimeoutMs: PATIENCE_MS,
    });
    const client = new RawClient(loggedIn);
    loggedIn.resume();
    return client;
  };

  test('prepares the first of several statements', async () => {
    const admin = await sluice.connectAdmin();
    try {
      assert.deepEqual((await admin.execute('SELECT 1 AS a; SELECT 2 AS b'))[0], [{ a: '1' }]);
    } finally {
      await admin.end();
    }
  });

  test('survives whatever is sent, and answers it as the protocol has it', {
    timeout: 60_000 + COUNT * 50,
  }, async () => {
    const all = corpus();
    const seen = new Map<string, number>();
    const tally = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
    const run = async (index: number): Promise<void> => {
      const random = new Random(SEED + index);
      let client = await login();
      const answer = (kind: AnswerKind): Promise<string> =>
        within(
          readAnswer(() => client.read(), kind),
          'an answer',
          PATIENCE_MS,
        );
      for (let sent = 0; sent < COUNT / CLIENTS; sent += 1) {
        let input = nextInput(random, all);
        if (LEFT_OUT.test(input.payload.toString('latin1'))) input = command(Command.COM_PING, Buffer.alloc(0));
        try {
          client.send(random.chance(3) ? random.below(256) : 0, input.payload);
          if (input.kind !== undefined) tally(await answer(input.kind).then((what) => what.split(' ')[0] ?? ''));
          if (input.kind === 'login') {
            // Whoever it would be now.
            client.socket.destroy();
            client = await login();
          }
          if (sent % 20 === 0 || input.kind === undefined) {
            client.send(0, Buffer.from('\x03SELECT 7'));
            assert.equal(await answer('result'), '1 rows of 1');
          }
        } catch (error) {
          if (error instanceof Ended && input.mayEnd) {
            tally('ended');
            client = await login();
            continue;
          }
          // A process that dies closes its sockets first.
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          const place = `seed ${SEED}, client ${index}, number ${sent}`;
          const bugs = String(sluice.log)
            .split('\n')
            .filter((line) => line.includes('a bug'));
          const state = sluice.running ? `it is still running\n${bugs.join('\n')}` : `it died:\n${sluice.log}`;
          throw new Error(`${String(error)} after ${show(input)} (${place}); ${state}`);
        }
      }
      client.socket.destroy();
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, index) => run(index)));
    assert.ok(sluice.running);
    assert.ok(!/a bug ended|uncaught/i.test(String(sluice.log)), String(sluice.log));
    assert.deepEqual(await sluice.admin('SELECT 1 AS one'), [{ one: '1' }]);
    if (process.env.SLUICE_FUZZ_ADMIN !== undefined)
      console.log([...seen].map(([what, n]) => `${what} ${n}`).join(', '));
    assert.ok(
      (seen.get('ok') ?? 0) > COUNT / 50 && (seen.get('error') ?? 0) > COUNT / 50,
      'both kinds of answers were seen',
    );
  });
});

function show({ payload }: Sent): string {
  return `${JSON.stringify(payload.toString('latin1').slice(0, 400))} (${payload.toString('base64').slice(0, 800)})`;
}
