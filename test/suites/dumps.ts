/**
 * mysqldump and its restore, and each script of sysbench, through sluice and without it. A program, not a test of the suite:
 *
 *   node dist/test/suites/dumps.js
 */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { type DatabaseServer, startMariadbs } from '../helpers/mariadb.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { APP, accountSql } from '../helpers/stage.ts';

const SYSBENCH = '/usr/share/sysbench';
const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 1 << 28;

const loginOf = (port: number): string[] => ['-h127.0.0.1', `-P${port}`, `-u${APP.user}`, `-p${APP.password}`];

async function dump(port: number, schema: string): Promise<string> {
  const options = ['--routines', '--triggers', '--events', '--skip-dump-date', '--hex-blob', '--single-transaction'];
  const { stdout } = await run('mysqldump', ['--no-defaults', ...loginOf(port), ...options, schema], {
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return stdout;
}

async function restore(port: number, schema: string, sql: string): Promise<void> {
  const running = run('mysql', ['--no-defaults', ...loginOf(port), schema], { maxBuffer: OUTPUT_BYTES_MAX });
  running.child.stdin?.end(sql);
  await running;
}

async function sysbench(script: string, port: number, command: string): Promise<string> {
  const args = [
    '--db-driver=mysql',
    '--mysql-host=127.0.0.1',
    `--mysql-port=${port}`,
    `--mysql-user=${APP.user}`,
    `--mysql-password=${APP.password}`,
    '--mysql-db=bench',
    '--tables=1',
    '--table-size=500',
    '--threads=2',
    '--time=1',
    `${SYSBENCH}/${script}`,
    command,
  ];
  return run('sysbench', args).then(
    // Deadlocks, which it ignores, come by chance.
    ({ stdout }) => (stdout.includes('FATAL') ? `fails: ${stdout.slice(-300)}` : 'passes'),
    (error: { stdout: string }) => `fails: ${error.stdout.slice(-300)}`,
  );
}

/** Every kind of thing a dump has. */
const CONTENT = [
  'CREATE DATABASE shop',
  'CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, b BLOB, s VARCHAR(50) CHARACTER SET utf8mb4, d DATETIME(6), n DECIMAL(20,5), j JSON, k INT, KEY (k))',
  "INSERT INTO shop.t (b, s, d, n, j, k) SELECT UNHEX(SHA2(seq, 512)), CONCAT('é🎉\\\\\\'', seq), '2024-01-02 03:04:05.678901', seq / 7, JSON_OBJECT('a', seq), seq FROM shop.seq_1_to_5000",
  'CREATE TABLE shop.child (id INT, t INT, CONSTRAINT FOREIGN KEY (t) REFERENCES shop.t (id) ON DELETE CASCADE)',
  'CREATE VIEW shop.v AS SELECT id, s FROM shop.t WHERE k > 10',
  'CREATE PROCEDURE shop.p() SELECT 1',
  'CREATE FUNCTION shop.f(a INT) RETURNS INT DETERMINISTIC RETURN a + 1',
  'USE shop',
  'CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.k = NEW.k + 1',
  'CREATE EVENT shop.e ON SCHEDULE EVERY 1 YEAR DO SELECT 1',
];

const servers = await startMariadbs(2, {
  setup: [...accountSql(APP.user, APP.password), 'CREATE DATABASE bench', 'CREATE DATABASE copy', ...CONTENT],
});
const [direct, behind] = servers as [DatabaseServer, DatabaseServer];
const [version] = await behind.query('SELECT VERSION() AS v');
const sluice = await SluiceProcess.start({
  // It is in the head of each dump.
  mysqlVariables: { server_version: String(version?.v) },
  users: [{ username: APP.user, password: APP.password, default_hostgroup: 0 }],
  servers: [{ address: behind.host, port: behind.port, hostgroup: 0, max_connections: 200 }],
});
let wrong = 0;
try {
  const alone = await dump(behind.port, 'shop');
  const through = await dump(sluice.mysqlPort, 'shop');
  console.log(`dumps: ${alone.length} bytes, ${alone === through ? 'equal' : 'NOT EQUAL'}`);
  await restore(sluice.mysqlPort, 'copy', through);
  const again = await dump(behind.port, 'copy');
  const same = again.replaceAll('copy', 'shop') === alone.replaceAll('copy', 'shop');
  console.log(`restored through sluice: ${same ? 'equal' : 'NOT EQUAL'}`);
  if (alone !== through || !same) wrong += 1;
  for (const script of readdirSync(SYSBENCH).filter((file) => file.endsWith('.lua') && file !== 'oltp_common.lua')) {
    for (const command of ['prepare', 'run', 'cleanup']) {
      const outcomes = [
        await sysbench(script, direct.port, command),
        await sysbench(script, sluice.mysqlPort, command),
      ];
      if (outcomes[0] !== outcomes[1]) wrong += 1;
      console.log(`sysbench ${script} ${command}: ${outcomes.join(' directly, ')} through sluice`);
    }
  }
} finally {
  await sluice.stop();
  await Promise.all(servers.map((server) => server.stop()));
}
console.log(wrong === 0 ? 'nothing differs' : `${wrong} differ`);
process.exit(wrong === 0 ? 0 : 1);
