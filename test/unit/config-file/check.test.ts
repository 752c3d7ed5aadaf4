/**
 * sluice check: each kind of mistake is found, with its place; a good file has none. And what is exported can be read.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkConfigFile } from '../../../admin/config-file/check.ts';
import { openConfigFile, readTopLevelSettings } from '../../../admin/config-file/config-file.ts';
import { exportConfig } from '../../../admin/config-file/export.ts';
import { importModule } from '../../../admin/config-file/import.ts';
import { openAdminDatabase } from '../../../admin/db/open.ts';
import { checkRules } from '../../../admin/modules/check-rules.ts';
import { MODULES } from '../../../admin/modules/index.ts';
import type { CheckRules } from '../../../admin/modules/module.ts';
import { writeVariables } from '../../../admin/table-store.ts';
import { VARIABLES } from '../../../admin/variables/spec.ts';

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-check-'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string): string {
  const path = join(folder, 'x.cnf');
  writeFileSync(path, text);
  return path;
}

const brackets: CheckRules = (rules) =>
  rules
    .filter(({ matchPattern }) => matchPattern === '(')
    .map(({ ruleId }) => ({ ruleId, column: 'match_pattern', reason: 'missing closing )' }));

function check(text: string): string[] {
  return checkConfigFile(write(text), brackets).map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('sluice check', () => {
  const mistakes: readonly (readonly [text: string, problems: readonly string[]])[] = [
    ['mysql_user = ()', ['1:1 unknown section mysql_user is ignored; did you mean mysql_users?']],
    ['sheduler = ()', ['1:1 unknown section sheduler is ignored; did you mean scheduler?']],
    [
      'mysql_hostgroup_attributes = ()',
      ['1:1 mysql_hostgroup_attributes cannot be set in a config file and is ignored; use SQL'],
    ],
    ['datadir = 5', ['1:11 datadir must be a string']],
    ['mysql_users = { }', ['1:15 mysql_users must be a list: ( { … }, { … } )']],
    ['mysql_users = ( 1 )', ['1:17 an entry of mysql_users must be a group: { … }']],
    [
      'mysql_variables = { max_conections=5 }',
      ['1:21 there is no variable max_conections; did you mean max_connections?'],
    ],
    ['mysql_variables = { max_connections=0 }', ['1:37 max_connections must be within 1..1000000']],
    ['mysql_variables = { max_connections="5x" }', ['1:37 max_connections is not a whole number; 5 is used']],
    ['mysql_variables = { multiplexing="maybe" }', ['1:34 multiplexing must be true or false']],
    [
      'mysql_variables = { interfaces="0.0.0.0:6033;nonsense" }',
      ['1:32 interfaces: "nonsense" is neither host:port nor the path of a socket'],
    ],
    ['mysql_variables = { threads=[1] }', ['1:29 threads must be a single value']],
    ['admin_variables = { version="1" }', ['1:29 version cannot be changed and is ignored']],
    ['admin_variables = { admin_credentials="a:b;secret" }', ['1:39 admin_credentials: entry 2 is not user:password']],
    ['mysql_users = ( { password="x" } )', ['1:17 an entry of mysql_users needs username; it is skipped']],
    ['mysql_users = ( { username="a" paswd="x" } )', ['1:32 mysql_users has no field paswd; did you mean password?']],
    [
      'mysql_users = ( { username="a" },\n { username="a" } )',
      ['2:2 same username, backend as in line 1; the later entry wins'],
    ],
    ['mysql_users = ( { username="a" active=true } )', ['1:39 active should be a whole number; read as 1']],
    ['mysql_users = ( { username=5 } )', ['1:28 username should be a string in quotes']],
    [
      'mysql_users = ( { username="a" attributes="{" } )',
      ['1:43 attributes must be JSON or empty; the entry is skipped'],
    ],
    ['mysql_users = ( { username="a" frontend=0 } )', []],
    [
      'mysql_galera_hostgroups = ( { writer_hostgroup=1 backup_writer_hostgroup=2 reader_hostgroup=3 offline_hostgroup=4 active=0 } )',
      ['1:115 active cannot be set in a config file; it is 1'],
    ],
    [
      'mysql_users = ( { username="a" password="*12" } )',
      ['1:41 a password that begins with * is a hash of 40 hexadecimal digits; with this one nobody can log in'],
    ],
    [
      'mysql_servers = ( { hostgroup=1 } )',
      ['1:19 an entry of mysql_servers needs hostname or address; it is skipped'],
    ],
    [
      'mysql_servers = ( { address="a" hostgroup=1 port=70000 } )',
      ['1:50 port must be within 0..65535; the entry is skipped'],
    ],
    [
      'mysql_servers = ( { address="a" hostgroup=1 port="3307" } )',
      ['1:50 port should be a whole number; read as 3307'],
    ],
    [
      'mysql_servers = ( { address="a" hostgroup=1 port=1.5 } )',
      ['1:50 port must be a whole number; the default is used'],
    ],
    [
      'mysql_servers = ( { address="a" hostgroup=1 port=0 } )',
      ['1:50 port 0 is for Unix sockets, and the hostname is not the path of one'],
    ],
    [
      'mysql_servers = ( { address="a" hostgroup=1 status="OFFLINE_SOFTT" } )',
      [
        '1:52 status must be one of ONLINE, SHUNNED, OFFLINE_SOFT, OFFLINE_HARD; ONLINE is used; did you mean OFFLINE_SOFT?',
      ],
    ],
    ['mysql_query_rules = ( { rule_id=1 match_pattern="(" } )', ['1:49 match_pattern: missing closing )']],
    [
      'mysql_query_rules = ( { rule_id=1 client_addr="1.%.1" } )',
      ['1:47 client_addr: has a % that is not at its end; the rule is not loaded'],
    ],
    [
      'mysql_query_rules = ( { rule_id=1 replace_pattern="x" } )',
      ['1:51 replace_pattern needs a match_pattern; the entry is skipped'],
    ],
    [
      'mysql_replication_hostgroups = ( { writer_hostgroup=1 reader_hostgroup=2 }, { writer_hostgroup=2 reader_hostgroup=3 } )',
      ['1:96 writer_hostgroup: is the reader_hostgroup of another pair; the pair is not loaded'],
    ],
    ['datadir="a"\ndatadir="b"', ['2:1 datadir was already set in line 1']],
  ];
  for (const [text, expected] of mistakes)
    test(text.replace(/\n/g, '⏎'), () => assert.deepEqual(check(text), expected));

  test('reports all problems of a file in its order', () => {
    const found = check(
      'mysql_variables = {\n max_connections=0\n nosuch=1\n}\nmysql_users = ( { password="x" } )\na ! 1',
    );
    assert.deepEqual(
      found.map((line) => line.split(':')[0]),
      ['2', '3', '5', '6', '6'],
    );
  });

  test('compiles patterns as the workers do', () => {
    const rule = (id: number, pattern: string): string => `{ rule_id=${id} match_pattern="${pattern}" }`;
    const path = write(`mysql_query_rules = (\n${rule(1, '(?i)^select')},\n${rule(2, '(a')},\n${rule(3, 'b')} )`);
    const found = checkConfigFile(path, checkRules);
    assert.deepEqual(
      found.map(({ line, severity }) => [line, severity]),
      [[3, 'error']],
    );
    assert.match(found[0]?.message ?? '', /^match_pattern: /);
  });

  test('reports a file that cannot be read', () => {
    const [problem] = checkConfigFile(join(folder, 'nosuch.cnf'), brackets);
    assert.match(problem?.message ?? '', /cannot read/);
  });

  test('never repeats a secret', () => {
    const found = check(
      'admin_variables = { admin_credentials="hunter2" }\nmysql_users = ( { username="a" password="*hunter2" } )',
    );
    assert.equal(found.length, 2);
    assert.ok(!found.join().includes('hunter2'));
  });

  test('has nothing to say about a good file', () => {
    assert.deepEqual(
      check(`
        datadir="/var/lib/sluice"
        admin_variables= { admin_credentials="admin:admin;radmin:x" mysql_ifaces="0.0.0.0:6032;/tmp/admin.sock" }
        mysql_variables= { threads=4 monitor_enabled=false interfaces="0.0.0.0:6033" default_schema="clinic" }
        mysql_servers = ( { address="10.0.0.1" port=3306 hostgroup=10 }, { hostname="/run/mysqld.sock" port=0 hostgroup_id=20 } )
        mysql_users: ( { username="app" password="x" default_hostgroup=10 active=1 } )
        mysql_query_rules: ( { rule_id=1 active=1 match_pattern="^SELECT .* FOR UPDATE$" destination_hostgroup=10 apply=1 } )
        mysql_replication_hostgroups: ( { writer_hostgroup=10 reader_hostgroup=20 comment="c" } )`),
      [],
    );
  });
});

describe('a config file', () => {
  test('gives its single settings', () => {
    const parsed = openConfigFile(write('datadir="/data" uuid="u" errorlog=5')).read();
    assert.ok('root' in parsed);
    assert.deepEqual(readTopLevelSettings(parsed.root), {
      datadir: '/data',
      errorlog: undefined,
      pidfile: undefined,
      uuid: 'u',
    });
  });

  test('with an error gives the first one with file, line and column', () => {
    const path = write('a=1\nb ! 2');
    assert.deepEqual(openConfigFile(path).read(), { error: `${path}:2:3: unexpected "!"` });
  });
});

describe('export', () => {
  function memory(configText: string): { readonly text: string; readonly rows: unknown[] } {
    const dataDir = mkdtempSync(join(folder, 'data-'));
    const db = openAdminDatabase({ dataDir, initial: false });
    try {
      writeVariables(
        db.handle,
        'main',
        VARIABLES.map(({ name, defaultText }) => ({ name, value: defaultText })),
      );
      const parsed = openConfigFile(write(configText)).read();
      assert.ok('root' in parsed, 'error' in parsed ? parsed.error : '');
      for (const module of MODULES) importModule(db.handle, module, parsed.root);
      const rows = ['mysql_servers', 'mysql_users', 'mysql_query_rules', 'mysql_replication_hostgroups'].map((table) =>
        db.handle.prepare(`SELECT * FROM ${table}`).all(),
      );
      return { text: exportConfig(db.handle), rows };
    } finally {
      db.close();
    }
  }

  test('is read back as the same rows', () => {
    const first = memory(String.raw`
      mysql_variables = { init_connect="SET @a=\"x\\y\"" }
      mysql_servers = ( { address="10.0.0.1" hostgroup=10 weight=7 comment="a \"quoted\" one" } )
      mysql_users: ( { username="app" password="back\\slash" default_hostgroup=10 } )
      mysql_query_rules: ( { rule_id=1 match_pattern="^\d+\n" replace_pattern="\\1" apply=1 comment="" } )
      mysql_replication_hostgroups: ( { writer_hostgroup=10 reader_hostgroup=20 } )`);
    const second = memory(first.text);
    assert.equal(second.text, first.text);
    assert.equal(second.rows.length, 4);
  });

  const golden = process.env.SLUICE_GOLDEN;
  const recorded = golden === undefined ? '' : join(golden, '10-config.json');
  test('has the sections of the real one', { skip: !existsSync(recorded) }, () => {
    const { cnf, steps } = JSON.parse(readFileSync(recorded, 'utf8')) as {
      cnf: string;
      steps: { sql?: string; reply?: { rows?: string[][] } }[];
    };
    const shown = steps.find(({ sql }) => sql === 'SELECT CONFIG FILE')?.reply?.rows?.[0]?.[0] ?? '';
    const sections = (text: string, from: string, to: string): string =>
      text.slice(text.indexOf(from), text.indexOf(to));
    const { text } = memory(cnf.replace(/\{\{\w+\}\}/g, '1'));
    assert.ok(shown.length > 0);
    // Up to the sections sluice does not read yet.
    assert.equal(sections(text, 'mysql_users:', 'scheduler:'), sections(shown, 'mysql_users:', 'scheduler:'));
  });
});
