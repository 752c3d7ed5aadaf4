/**
 * The Ansible collection community.proxysql (Debian's package ansible) against the admin port: every module creates,
 * changes, leaves alone and deletes, and does nothing in check mode. A play takes ten to thirty seconds, so it runs when
 * SLUICE_ANSIBLE=1 asks for it. Whoever sets it has installed Ansible.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { reapProcess } from '../helpers/reaper.ts';
import { repositoryRoot } from '../helpers/repository.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';

const PLAY = join(repositoryRoot, 'test', 'e2e', 'clients', 'ansible-play.yml');
const MODULES = ['user', 'server', 'rule', 'fast routing', 'replication hostgroups', 'scheduler', 'variable'];
/** The modules that make a change of `size`, and the ones that know `state`. */
const WITH_SIZE = MODULES.filter((name) => name !== 'scheduler');
const WITH_STATE = MODULES.filter((name) => name !== 'variable');
/** What a play is about, each in memory, runtime and on disk. */
const ROWS: Readonly<Record<string, string>> = {
  mysql_users: 'username, default_hostgroup',
  mysql_servers: 'hostgroup_id, hostname, port, weight',
  mysql_query_rules: 'rule_id, match_digest, destination_hostgroup, active, apply',
  mysql_query_rules_fast_routing: 'username, schemaname, destination_hostgroup',
  mysql_replication_hostgroups: 'writer_hostgroup, reader_hostgroup, comment',
  scheduler: 'interval_ms, filename, arg1, comment, active',
};

interface Play {
  /** `ok` or `changed`, by name of the task. */
  readonly outcome: ReadonlyMap<string, string>;
  readonly facts: string;
}

describe('an Ansible playbook', { timeout: 900_000 }, () => {
  if (process.env.SLUICE_ANSIBLE === undefined) {
    test('is played when SLUICE_ANSIBLE is set', () => assert.ok(MODULES.length > 0));
    return;
  }

  let sluice: SluiceProcess;
  before(async () => {
    sluice = await SluiceProcess.start();
  });
  after(() => sluice?.stop());

  const play = async (state: 'present' | 'absent', size: number, ...args: readonly string[]): Promise<Play> => {
    const child = spawn(
      'ansible-playbook',
      ['-i', 'localhost,', PLAY, '-e', `port=${sluice.adminPort} state=${state} size=${size}`, ...args],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          ANSIBLE_NOCOLOR: '1',
          ANSIBLE_LOCALHOST_WARNING: 'false',
          ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
          ANSIBLE_LOCAL_TEMP: join(sluice.dataDir, 'ansible'),
          ANSIBLE_REMOTE_TEMP: join(sluice.dataDir, 'ansible'),
        },
      },
    );
    reapProcess(child);
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    assert.equal(code, 0, `${out}${err}`);
    const outcome = new Map<string, string>();
    for (const [, task = '', result = ''] of out.matchAll(/^TASK \[([^\]]+)\][^\n]*\n(?:[^\n]*\n)*?(ok|changed): /gm))
      outcome.set(task, result);
    console.log(`${state} ${size} ${args.join(' ')}: ${/^localhost .*$/m.exec(out)?.[0]}`);
    return { outcome, facts: /facts [^"]*/.exec(out)?.[0] ?? out };
  };

  // DISTINCT, since an account is one row in memory and two in the runtime.
  const rowsOf = async (table: string, columns: string): Promise<(string | null)[][]> =>
    (await sluice.admin(`SELECT DISTINCT ${columns} FROM ${table}`)).map((row) => Object.values(row));

  const state = async (): Promise<Record<string, unknown>> => {
    const found: Record<string, unknown> = {};
    for (const [table, columns] of Object.entries(ROWS)) {
      const memory = await rowsOf(table, columns);
      for (const layer of [`runtime_${table}`, `disk.${table}`])
        assert.deepEqual(await rowsOf(layer, columns), memory, layer);
      found[table] = memory;
    }
    const variable = "variable_value FROM %global_variables WHERE variable_name = 'mysql-max_connections'";
    const values = await Promise.all(
      ['', 'runtime_', 'disk.'].map((layer) => sluice.admin(`SELECT ${variable.replace('%', layer)}`)),
    );
    found.variable = values.map(([row]) => row?.variable_value);
    return found;
  };

  const present = (size: number): Record<string, unknown> => ({
    mysql_users: [['ann', `${size}`]],
    mysql_servers: [['1', 'db1', '3306', `${size}`]],
    mysql_query_rules: [['7', '^SELECT', `${size}`, '1', '1']],
    mysql_query_rules_fast_routing: [['ann', 's', `${size}`]],
    mysql_replication_hostgroups: [['1', '2', `c${size}`]],
    scheduler: [['1000', '/bin/true', 'x', 'c', '0']],
    variable: [`${1000 + size}`, `${1000 + size}`, `${1000 + size}`],
  });

  const expectChanged = ({ outcome }: Play, changed: readonly string[]): void => {
    assert.deepEqual(
      MODULES.filter((name) => outcome.get(name) === 'changed'),
      changed,
    );
    assert.deepEqual([...outcome.keys()], [...MODULES, 'save', 'info', 'facts']);
  };

  test('creates what is not there, and in check mode only says so', async () => {
    const untouched = await state();
    expectChanged(await play('present', 1, '--check'), MODULES);
    assert.deepEqual(await state(), untouched);
    expectChanged(await play('present', 1), MODULES);
    assert.deepEqual(await state(), present(1));
  });

  test('leaves alone what is as it should be', async () => {
    const { outcome, facts } = await play('present', 1);
    expectChanged({ outcome, facts }, []);
    assert.deepEqual(await state(), present(1));
    assert.match(facts, /^facts version=\d+\.\d+\.\d+\S* tables=\d\d users=\d+ rules=1$/);
  });

  test('changes what differs, and in check mode only says so', async () => {
    expectChanged(await play('present', 3, '--check'), WITH_SIZE);
    assert.deepEqual(await state(), present(1));
    expectChanged(await play('present', 3), WITH_SIZE);
    assert.deepEqual(await state(), present(3));
    expectChanged(await play('present', 3), []);
  });

  test('deletes what should not be there, and in check mode only says so', async () => {
    expectChanged(await play('absent', 3, '--check'), WITH_STATE);
    assert.deepEqual(await state(), present(3));
    expectChanged(await play('absent', 3), WITH_STATE);
    const gone = Object.fromEntries(Object.keys(ROWS).map((table) => [table, []]));
    assert.deepEqual(await state(), { ...gone, variable: ['1003', '1003', '1003'] });
    expectChanged(await play('absent', 3), []);
  });
});
