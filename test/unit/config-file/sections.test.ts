/**
 * Sections that only keep rows: what the file says, its other names and defaults, and what is refused.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../admin/config-file/libconfig-parser.ts';
import { readSection } from '../../../admin/config-file/read-sections.ts';
import { SECTIONS } from '../../../admin/config-file/sections.ts';

function read(name: string, entry: string): { row: unknown; problems: readonly string[] } {
  const section = SECTIONS.find((candidate) => candidate.name === name);
  assert.ok(section, name);
  const text = `${name} = ( { ${entry} } )`;
  const { root } = parseConfig('test.cnf', { read: () => ({ text }), resolve: (_from, path) => path });
  const { items, problems } = readSection(root, section);
  return { row: items[0]?.row, problems: problems.map(({ message }) => message) };
}

test('restapi is the table restapi_routes, and takes interval_ms for timeout_ms', () => {
  assert.equal(SECTIONS.find(({ name }) => name === 'restapi')?.table, 'restapi_routes');
  assert.deepEqual(read('restapi', 'id=1; interval_ms=500; method="GET"; uri="u"; script="/s"'), {
    row: { id: 1, active: 1, timeout_ms: 500, method: 'GET', uri: 'u', script: '/s', comment: '' },
    problems: [],
  });
});

test('scheduler: arguments that are not there are NULL, an interval out of range is refused', () => {
  assert.deepEqual(read('scheduler', 'id=3; interval_ms=1000; filename="/bin/true"; arg1="x"').row, {
    id: 3,
    active: 1,
    interval_ms: 1000,
    filename: '/bin/true',
    arg1: 'x',
    arg2: null,
    arg3: null,
    arg4: null,
    arg5: null,
    comment: '',
  });
  const bad = read('scheduler', 'id=3; interval_ms=99; filename="/bin/true"');
  assert.equal(bad.row, undefined);
  assert.deepEqual(bad.problems, ['interval_ms must be within 100..100000000; the entry is skipped']);
});

test('proxysql_servers needs its port; address is hostname', () => {
  assert.deepEqual(read('proxysql_servers', 'address="p1"; port=6032').row, {
    hostname: 'p1',
    port: 6032,
    weight: 0,
    comment: '',
  });
  assert.deepEqual(read('proxysql_servers', 'hostname="p1"').problems, [
    'an entry of proxysql_servers needs port; it is skipped',
  ]);
});
