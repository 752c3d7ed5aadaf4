/**
 * Variables: what is accepted, what becomes of it, and what memory shows afterwards. Values and outcomes are those a
 * real ProxySQL 2.7.1 gave.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type ApplyOptions, applyVariables } from '../../../admin/variables/apply.ts';
import { normalise } from '../../../admin/variables/normalise.ts';
import { findVariable, VARIABLES, type VariablePrefix } from '../../../admin/variables/spec.ts';
import type { VariableValues } from '../../../runtime/snapshot.ts';
import { readMysqlVariables, splitInterfaces } from '../../../runtime/variables.ts';
import { VERSION } from '../../../src/util/version.ts';
import { repositoryRoot } from '../../helpers/repository.ts';

const REFUSED = Symbol('refused');

/** Variable, text, what the runtime makes of it. */
const JUDGED: readonly (readonly [name: string, text: string, runtime: string | typeof REFUSED])[] = [
  ['mysql-max_connections', '0', REFUSED],
  ['mysql-max_connections', '-1', REFUSED],
  ['mysql-max_connections', 'abc', REFUSED],
  ['mysql-max_connections', '', REFUSED],
  ['mysql-max_connections', '99999999', REFUSED],
  ['mysql-max_connections', '1e3', '1'],
  ['mysql-max_connections', '12abc', '12'],
  ['mysql-max_connections', '100 ', '100'],
  ['mysql-max_connections', ' 100', '100'],
  ['mysql-max_connections', '010', '10'],
  ['mysql-max_connections', '0x10', REFUSED],
  ['mysql-default_query_timeout', '999', REFUSED],
  ['mysql-default_query_timeout', '1000', '1000'],
  ['mysql-default_query_timeout', '99999999999', REFUSED],
  ['mysql-monitor_enabled', 'TRUE', 'true'],
  ['mysql-monitor_enabled', 'False', 'false'],
  ['mysql-monitor_enabled', '0', 'false'],
  ['mysql-monitor_enabled', '1', 'true'],
  ['mysql-monitor_enabled', '2', REFUSED],
  ['mysql-monitor_enabled', 'on', REFUSED],
  ['mysql-monitor_enabled', '', REFUSED],
  ['mysql-default_charset', 'nosuch', REFUSED],
  ['mysql-default_charset', 'UTF8', 'UTF8'],
  ['mysql-default_charset', '', 'utf8'],
  ['mysql-default_collation_connection', 'nosuch', REFUSED],
  ['mysql-server_version', '', REFUSED],
  ['mysql-server_version', 'x', 'x'],
  ['mysql-default_authentication_plugin', 'foo', REFUSED],
  ['mysql-default_authentication_plugin', 'caching_sha2_password', 'caching_sha2_password'],
  ['mysql-server_capabilities', '10', REFUSED],
  ['mysql-max_allowed_packet', '8192', '8192'],
  ['mysql-max_allowed_packet', '2000000000', REFUSED],
  ['mysql-poll_timeout', '20000', '20000'],
  ['mysql-wait_timeout', '1728000001', REFUSED],
  ['mysql-query_digests_max_digest_length', '1048577', REFUSED],
  ['mysql-query_digests_grouping_limit', '0', REFUSED],
  ['mysql-init_connect', 'SET @a=1', 'SET @a=1'],
  ['mysql-default_schema', '', REFUSED],
  ['mysql-proxy_protocol_networks', '*', '*'],
  ['mysql-proxy_protocol_networks', '1.2.3.4/8', '1.2.3.4/8'],
  ['mysql-proxy_protocol_networks', 'foo', REFUSED],
  ['mysql-stacksize', '262144', '262144'],
  ['mysql-tcp_keepalive_time', '7201', REFUSED],
  ['mysql-eventslog_filename', 'logs/', REFUSED],
  ['mysql-monitor_replication_lag_use_percona_heartbeat', '`percona`.`heartbeat`', '`percona`.`heartbeat`'],
  ['mysql-monitor_replication_lag_use_percona_heartbeat', 'heartbeat', REFUSED],
  ['admin-refresh_interval', '100001', REFUSED],
  ['admin-cluster_check_interval_ms', '9', REFUSED],
  ['admin-admin_credentials', '', REFUSED],
  ['admin-admin_credentials', 'nocolon', 'nocolon'],
  ['admin-web_port', '70000', REFUSED],
  ['admin-telnet_admin_ifaces', 'x', 'x'],
  ['admin-stats_mysql_connections', '7', '10'],
  ['admin-stats_system_cpu', '301', '600'],
];

function apply(
  rows: Readonly<Record<string, string>>,
  current: VariableValues = {},
  options: Partial<ApplyOptions> = {},
): ReturnType<typeof applyVariables> {
  const list = Object.entries(rows).map(([name, value]) => ({ name, value }));
  return applyVariables(list, { prefix: 'mysql-', current, startingUp: false, strict: false, ...options });
}

describe('one value of one variable', () => {
  for (const [name, text, runtime] of JUDGED) {
    test(`${name} = ${JSON.stringify(text)} ${runtime === REFUSED ? 'is refused' : `becomes ${JSON.stringify(runtime)}`}`, () => {
      const variable = findVariable(name);
      assert.ok(variable);
      const judged = normalise(variable.spec, text, false);
      if (runtime === REFUSED) assert.ok('problem' in judged);
      else assert.equal('value' in judged ? judged.value : judged.problem, runtime);
    });
  }

  test('a number with something behind it is taken with a note', () => {
    const judged = normalise(findVariable('mysql-max_connections')!.spec, '12abc', false);
    assert.deepEqual(judged, { value: '12', note: 'is not a whole number; 12 is used' });
  });

  test('every default is a value that is accepted and stays as it is', () => {
    for (const { name, spec, defaultText } of VARIABLES) {
      assert.deepEqual(normalise(spec, defaultText, false), { value: defaultText }, name);
    }
  });

  test('with sluice-strict there may be no default schema', () => {
    assert.deepEqual(normalise(findVariable('mysql-default_schema')!.spec, '', true), { value: '' });
    assert.ok('problem' in normalise(findVariable('mysql-server_version')!.spec, '', true));
  });
});

describe('the table of variables', () => {
  test('holds the 49 admin and 163 mysql variables of ProxySQL 2.7.1', () => {
    assert.equal(VARIABLES.filter(({ prefix }) => prefix === 'admin-').length, 49);
    assert.equal(VARIABLES.filter(({ prefix }) => prefix === 'mysql-').length, 163);
  });

  test('admin-version begins with the number tools look for', () => {
    assert.match(findVariable('admin-version')?.defaultText ?? '', /^2\.7\.1-/);
    assert.ok(findVariable('admin-version')?.defaultText.endsWith(VERSION));
  });

  const folder = process.env.SLUICE_GOLDEN;
  const recorded = folder === undefined ? '' : join(folder, '02-variables.json');
  test('is what SHOW VARIABLES of the real one prints', { skip: !existsSync(recorded) }, () => {
    const { steps } = JSON.parse(readFileSync(recorded, 'utf8')) as {
      steps: { sql?: string; reply?: { rows?: string[][] } }[];
    };
    const shown = steps.find(({ sql }) => sql === 'SHOW VARIABLES')?.reply?.rows ?? [];
    const own = VARIABLES.filter(({ name }) => !name.startsWith('sluice-'))
      .map(({ name, defaultText }) => [name, defaultText])
      .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
    /** Set by the recording's own configuration, or our own on purpose. */
    const different = new Set([
      'admin-mysql_ifaces',
      'admin-version',
      'mysql-interfaces',
      'mysql-threads',
      'mysql-max_connections',
      'mysql-monitor_enabled',
    ]);
    assert.equal(shown.length, 212);
    assert.deepEqual(
      own.map(([name]) => name),
      shown.map(([name]) => name),
    );
    assert.deepEqual(
      own.filter(([name = '']) => !different.has(name)),
      shown.filter(([name = '']) => !different.has(name)),
    );
  });
});

describe('LOAD VARIABLES TO RUNTIME', () => {
  test('a bad value keeps the last good one and memory shows it again', () => {
    const { values, corrections, problems } = apply({ 'mysql-max_connections': '0' }, { max_connections: '2048' });
    assert.equal(values.max_connections, '2048');
    assert.deepEqual(corrections, [{ name: 'mysql-max_connections', found: '0', value: '2048' }]);
    assert.deepEqual(
      problems.map(({ key, severity }) => [key, severity]),
      [['mysql-max_connections', 'error']],
    );
  });

  test('a sloppy value is normalised in the runtime and stays as typed in memory', () => {
    const { values, corrections } = apply({ 'mysql-max_connections': '1e3', 'mysql-multiplexing': 'FALSE' });
    assert.equal(values.max_connections, '1');
    assert.equal(values.multiplexing, 'false');
    assert.deepEqual(corrections, []);
  });

  test('a row that is missing keeps what the runtime has', () => {
    assert.equal(apply({}, { max_connections: '77' }).values.max_connections, '77');
    assert.equal(apply({}).values.max_connections, '10000');
  });

  test('an unknown name of the family is removed from memory, names of other families stay', () => {
    const { corrections, problems } = apply({ 'mysql-nosuch': '1', 'foo-bar': '1', 'admin-web_port': 'x' });
    assert.deepEqual(corrections, [{ name: 'mysql-nosuch', found: '1', value: undefined }]);
    assert.equal(problems.length, 1);
  });

  test('threads and interfaces change at start-up only', () => {
    const current = { threads: '4', interfaces: '127.0.0.1:6033' };
    const rows = { 'mysql-threads': '2', 'mysql-interfaces': '0.0.0.0:7777' };
    const later = apply(rows, current);
    assert.equal(later.values.threads, '4');
    assert.equal(later.values.interfaces, '127.0.0.1:6033');
    assert.deepEqual(
      later.corrections.map(({ value }) => value),
      ['4', '127.0.0.1:6033'],
    );
    assert.equal(apply(rows, {}, { startingUp: true }).values.threads, '2');
  });

  test('admin-version goes back', () => {
    const { values, corrections, problems } = apply({ 'admin-version': '1' }, {}, { prefix: 'admin-' });
    const version = findVariable('admin-version')?.defaultText;
    assert.equal(values.version, version);
    assert.deepEqual(corrections, [{ name: 'admin-version', found: '1', value: version }]);
    assert.equal(problems.length, 1);
    assert.deepEqual(apply({ 'admin-version': '1' }, {}, { prefix: 'admin-', startingUp: true }).problems, []);
  });

  test('networks that cannot be read stay in memory as typed', () => {
    const { values, corrections } = apply({ 'mysql-proxy_protocol_networks': 'foo' }, { proxy_protocol_networks: '*' });
    assert.equal(values.proxy_protocol_networks, '*');
    assert.deepEqual(corrections, []);
  });

  test('a new charset takes its default collation along, and a new collation its charset', () => {
    const before = { default_charset: 'utf8', default_collation_connection: 'utf8_general_ci' };
    const byCharset = apply(
      { 'mysql-default_charset': 'latin1', 'mysql-default_collation_connection': 'utf8_general_ci' },
      before,
    );
    assert.equal(byCharset.values.default_collation_connection, 'latin1_swedish_ci');
    const byCollation = apply(
      { 'mysql-default_charset': 'utf8', 'mysql-default_collation_connection': 'utf8mb4_bin' },
      before,
    );
    assert.equal(byCollation.values.default_charset, 'utf8mb4');
    assert.deepEqual(byCollation.corrections, [{ name: 'mysql-default_charset', found: 'utf8', value: 'utf8mb4' }]);
  });

  test('an empty charset is the default, which memory then shows', () => {
    const { values, corrections } = apply({ 'mysql-default_charset': '' }, { default_charset: 'utf8' });
    assert.equal(values.default_charset, 'utf8');
    assert.deepEqual(corrections, [{ name: 'mysql-default_charset', found: '', value: 'utf8' }]);
  });

  test('server_capabilities are shown as given; a refused value shows those kept, with compression and TLS', () => {
    const current = { server_capabilities: '569867', have_compress: 'true', have_ssl: 'true' };
    assert.equal(apply({ 'mysql-server_capabilities': '569867' }, current).values.server_capabilities, '569867');
    const refused = apply({ 'mysql-server_capabilities': '0' }, current);
    assert.equal(refused.values.server_capabilities, '571947');
    assert.equal(refused.corrections[0]?.value, '571947');
  });

  test('problems never repeat a value', () => {
    const { problems } = apply({ 'mysql-monitor_username': '', 'mysql-default_authentication_plugin': 'hunter2' });
    assert.equal(problems.length, 2);
    for (const { reason } of problems) assert.ok(!reason.includes('hunter2'));
  });
});

describe('what a real ProxySQL did', () => {
  const folder = process.env.SLUICE_GOLDEN;
  const recorded = folder === undefined ? '' : join(folder, '02-variables.json');
  test('with one value after the other, sluice does', { skip: !existsSync(recorded) }, () => {
    const { steps } = JSON.parse(readFileSync(recorded, 'utf8')) as {
      steps: { sql?: string; note?: string; reply?: { rows?: string[][] } }[];
    };
    const from = steps.findIndex(({ note }) => note?.includes('UPDATE and LOAD with invalid values'));
    const memory = new Map(VARIABLES.map(({ name, defaultText }) => [name, defaultText]));
    const runtime = { 'mysql-': {}, 'admin-': {} } as Record<VariablePrefix, VariableValues>;
    const load = (prefix: VariablePrefix, startingUp: boolean): void => {
      const rows = [...memory].map(([name, value]) => ({ name, value }));
      const { values, corrections } = applyVariables(rows, {
        prefix,
        current: runtime[prefix],
        startingUp,
        strict: false,
      });
      runtime[prefix] = values;
      for (const { name, value } of corrections) {
        if (value === undefined) memory.delete(name);
        else memory.set(name, value);
      }
    };
    memory.set('mysql-max_connections', '2048').set('mysql-threads', '1').set('mysql-monitor_enabled', 'false');
    memory.set('mysql-interfaces', '127.0.0.1:26033').set('admin-mysql_ifaces', '127.0.0.1:26032');
    load('admin-', true);
    load('mysql-', true);

    let compared = 0;
    let name = '';
    for (const { sql = '', reply } of steps.slice(from)) {
      const update = /^UPDATE global_variables SET variable_value='(.*)' WHERE variable_name='(.*)'$/.exec(sql);
      if (update !== null) {
        [, , name = ''] = update;
        if (memory.has(name)) memory.set(name, update[1] ?? '');
      } else if (/^LOAD (MYSQL|ADMIN) VARIABLES TO RUNTIME$/.test(sql)) {
        load(sql.includes('MYSQL') ? 'mysql-' : 'admin-', false);
      } else if (sql.startsWith('SELECT g.variable_value AS memory') && reply?.rows !== undefined) {
        const prefix = name.startsWith('mysql-') ? 'mysql-' : 'admin-';
        const expected = memory.has(name) ? [[memory.get(name), runtime[prefix][name.slice(prefix.length)]]] : [];
        assert.deepEqual(expected, reply.rows, `${name}: memory and runtime`);
        compared += 1;
      }
    }
    assert.ok(compared > 80, `${compared} compared`);
  });
});

describe('the data plane reads variables', () => {
  test('as numbers, booleans and texts in camelCase, with defaults for what is missing', () => {
    const variables = readMysqlVariables({
      connect_timeout_server: '250',
      multiplexing: 'false',
      init_connect: 'SET a',
    });
    assert.equal(variables.connectTimeoutServer, 250);
    assert.equal(variables.multiplexing, false);
    assert.equal(variables.initConnect, 'SET a');
    assert.equal(variables.queryCacheSizeMB, 256);
    assert.equal(variables.sslP2sCa, '');
    assert.equal(Object.keys(variables).length, 163);
    assert.deepEqual(structuredClone(variables), variables);
  });

  test('a list of interfaces is split at semicolons', () => {
    assert.deepEqual(splitInterfaces('0.0.0.0:6033; [::1]:6033;/tmp/s.sock;'), [
      '0.0.0.0:6033',
      '[::1]:6033',
      '/tmp/s.sock',
    ]);
    assert.deepEqual(splitInterfaces(''), []);
  });
});

/** Named in the sources, and yet of no effect: values are kept right, or the name is one of a table too. */
const NAMED_ONLY = new Set([
  'mysql-server_capabilities',
  'mysql-connection_warming',
  'admin-telnet_admin_ifaces',
  'admin-telnet_stats_ifaces',
  'admin-restapi_port',
  'admin-web_port',
  'admin-stats_mysql_connection_pool',
]);

test('a variable has an effect exactly when the sources read it', () => {
  const words = new Set(sources().flatMap((text) => text.match(/\w+/g) ?? []));
  const wrong = VARIABLES.filter(({ name, shortName, prefix, spec }) => {
    if (NAMED_ONLY.has(name)) return spec.effect !== 'none';
    const parsed = shortName.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase());
    const isRead = words.has(parsed) || (prefix !== 'sluice-' && words.has(shortName));
    return isRead !== (spec.effect === 'yes');
  });
  assert.deepEqual(
    wrong.map(({ name }) => name),
    [],
  );
});

/** Everything but the tables of variables, without comments. */
function sources(): string[] {
  return ['src', 'admin', 'runtime'].flatMap((folder) =>
    readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/(mysql-variables|sluice-variables|admin-spec)\.ts$/.test(path))
      .map((path) => readFileSync(join(repositoryRoot, folder, path), 'utf8'))
      .map((text) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')),
  );
}
