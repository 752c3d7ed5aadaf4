/**
 * SQLAlchemy's suite for dialects (it is in Debian's package python3-sqlalchemy) over PyMySQL, through sluice and without
 * it. Needs python3-sqlalchemy, python3-pymysql and python3-pytest. A program, not a test of the suite:
 *
 *   node dist/test/suites/sqlalchemy.js
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type DatabaseServer, startMariadbs } from '../helpers/mariadb.ts';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { APP, accountSql } from '../helpers/stage.ts';

const OUTPUT_BYTES_MAX = 1 << 28;

const folder = temporaryFolder('sqlalchemy');
const files = {
  'conftest.py':
    'import pytest\npytest.register_assert_rewrite("sqlalchemy.testing.assertions")\nfrom sqlalchemy.testing.plugin.pytestplugin import *\n',
  'test_suite.py': 'from sqlalchemy.testing.suite import *\n',
  'setup.cfg': `[tool:pytest]\naddopts= --tb=no -r f -p no:warnings\n[sqla_testing]\nrequirement_cls=sqlalchemy.testing.requirements:SuiteRequirements\nprofile_file=${folder}/profiles.txt\n`,
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);

/** The last line, which counts, and the names of what failed. */
async function play(port: number): Promise<{ readonly sum: string; readonly failed: ReadonlySet<string> }> {
  const uri = `mysql+pymysql://${APP.user}:${APP.password}@127.0.0.1:${port}/test?charset=utf8mb4`;
  const running = promisify(execFile)('/usr/bin/python3', ['-m', 'pytest', '-q', '--dburi', uri, 'test_suite.py'], {
    cwd: folder,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  const { stdout } = await running.catch((error: { stdout: string }) => error);
  const lines = stdout.trim().split('\n');
  const failed = lines.flatMap((line) => /^(?:FAILED|ERROR) (\S+)/.exec(line)?.[1] ?? []);
  return { sum: lines.at(-1) ?? '', failed: new Set(failed) };
}

const servers = await startMariadbs(2, {
  setup: [...accountSql(APP.user, APP.password), 'CREATE DATABASE test', 'CREATE DATABASE test_schema'],
});
const [alone, behind] = servers as [DatabaseServer, DatabaseServer];
const sluice = await SluiceProcess.start({
  users: [{ username: APP.user, password: APP.password, default_hostgroup: 0 }],
  servers: [{ address: behind.host, port: behind.port, hostgroup: 0, max_connections: 200 }],
});
let lost: string[];
try {
  const direct = await play(alone.port);
  const through = await play(sluice.mysqlPort);
  lost = [...through.failed].filter((name) => !direct.failed.has(name));
  console.log(`directly: ${direct.sum}\nthrough sluice: ${through.sum}\nonly through sluice fail: ${lost.length}`);
  for (const name of lost) console.log(`  ${name}`);
} finally {
  await sluice.stop();
  await Promise.all(servers.map((server) => server.stop()));
  removeFolder(folder);
}
process.exit(lost.length === 0 ? 0 : 1);
