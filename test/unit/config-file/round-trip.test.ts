/** What SAVE CONFIG TO FILE writes reads back to the same configuration, all tables and variables. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openConfigFile } from '../../../admin/config-file/config-file.ts';
import { exportConfig } from '../../../admin/config-file/export.ts';
import { importModule } from '../../../admin/config-file/import.ts';
import { type AdminDatabase, openAdminDatabase } from '../../../admin/db/open.ts';
import { MODULES } from '../../../admin/modules/index.ts';
import { writeVariables } from '../../../admin/table-store.ts';
import { VARIABLES } from '../../../admin/variables/spec.ts';
import { removeFolder, temporaryFolder } from '../../helpers/reaper.ts';

const HARD = `it's "quoted" \\ {} # // /* */ \u00e4\nnext line`;

/** Every table with rows that need care: quotes, NULL, empty texts that mean something, switched-off rows. */
const ROWS = `
INSERT INTO mysql_users (username, password, default_schema, attributes, comment) VALUES
  ('plain', 'p', 'db', '{"a":"b"}', ?), ('empty', '', '', '', ''), ('*hash', '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7', '', '', '');
INSERT INTO mysql_users (username, password, backend, frontend) VALUES ('split', 'be', 1, 0), ('split', 'fe', 0, 1);
UPDATE mysql_users SET default_schema='' WHERE default_schema IS NULL;
INSERT INTO mysql_servers (hostgroup_id, hostname, port, status, weight, comment) VALUES
  (0, 'a', 3306, 'ONLINE', 0, ?), (1, '/tmp/s.sock', 0, 'OFFLINE_SOFT', 5, ''), (1, 'b', 3307, 'SHUNNED', 1, '');
INSERT INTO mysql_query_rules (rule_id, active, match_digest, re_modifiers, error_msg, OK_msg, comment, attributes) VALUES
  (5, 1, ?, '', '', NULL, NULL, '{"dry_run":true}'), (7, 0, '^SELECT', 'CASELESS,GLOBAL', NULL, '', '', '');
INSERT INTO mysql_query_rules (rule_id, match_pattern, replace_pattern, multiplex, cache_ttl) VALUES (9, 'a', '', 0, 1);
INSERT INTO mysql_query_rules_fast_routing VALUES ('u', 's', 0, 3, ?), ('', '', 1, 4, '');
INSERT INTO mysql_replication_hostgroups VALUES (10, 11, 'read_only|innodb_read_only', ?);
INSERT INTO mysql_group_replication_hostgroups VALUES (20,21,22,23,1,2,1,0,''), (30,31,32,33,0,1,0,5,?);
INSERT INTO mysql_galera_hostgroups VALUES (40,41,42,43,0,1,0,0,''), (50,51,52,53,1,1,0,0,?);
INSERT INTO mysql_aws_aurora_hostgroups (writer_hostgroup, reader_hostgroup, domain_name, active, comment) VALUES (60, 61, '.x', 0, ?);
INSERT INTO mysql_hostgroup_attributes (hostgroup_id, autocommit, multiplex, init_connect, servers_defaults) VALUES (0, 1, 0, ?, '{"weight":7}'), (1, -1, 1, '', '');
INSERT INTO mysql_servers_ssl_params (hostname, port, username, ssl_ca, comment) VALUES ('h', 3306, 'u', '/ca.pem', ?);
INSERT INTO mysql_firewall_whitelist_users VALUES (0, 'u', '', 'PROTECTING', ?);
INSERT INTO mysql_firewall_whitelist_rules VALUES (1, 'u', '1.2.3.4', 's', 2, '0xAB', ?);
INSERT INTO mysql_firewall_whitelist_sqli_fingerprints VALUES (0, 's&1');
INSERT INTO mysql_masking_columns (schemaname, tablename, columnname, comment) VALUES ('s', 't', 'c', ?);
INSERT INTO mysql_masking_users (username, policy, comment) VALUES ('u', 'deny', ?);
INSERT INTO scheduler (id, active, interval_ms, filename, arg1, arg2, comment) VALUES (1, 0, 1000, '/bin/true', ?, '', '');
INSERT INTO restapi_routes (id, active, timeout_ms, method, uri, script, comment) VALUES (1, 0, 1000, 'GET', 'x', '/bin/true', ?);
INSERT INTO proxysql_servers VALUES ('p', 6032, 1, ?);
UPDATE global_variables SET variable_value='' WHERE variable_name IN ('admin-stats_credentials', 'mysql-monitor_username');
UPDATE global_variables SET variable_value='777' WHERE variable_name='mysql-max_connections';
UPDATE global_variables SET variable_value='false' WHERE variable_name='sluice-strict';
`;

function contents({ handle }: AdminDatabase): Record<string, unknown[]> {
  const tables = MODULES.flatMap((module) => (module.kind === 'tables' ? module.tables.map(({ name }) => name) : []));
  return Object.fromEntries(
    [...tables, 'global_variables'].map((table) => [
      table,
      handle
        .prepare(`SELECT * FROM main.${table}`)
        .raw()
        .all()
        .map((row) => JSON.stringify(row))
        .sort(),
    ]),
  );
}

test('every table and variable is the same after SAVE CONFIG TO FILE and LOAD … FROM CONFIG', () => {
  const folder = temporaryFolder('round-trip');
  const defaults = VARIABLES.map(({ name, defaultText }) => ({ name, value: defaultText }));
  const open = (name: string): AdminDatabase => {
    const db = openAdminDatabase({ dataDir: join(folder, name), initial: false });
    writeVariables(db.handle, 'main', defaults);
    return db;
  };
  const [from, to] = [open('from'), open('to')];
  try {
    for (const sql of ROWS.split(/;\n/)
      .map((text) => text.trim())
      .filter((text) => text !== '')) {
      from.handle.prepare(sql).run(...(sql.match(/\?/g) ?? []).map(() => HARD));
    }
    const wanted = contents(from);
    for (const [table, rows] of Object.entries(wanted))
      assert.ok(rows.length > 0 || table === 'coredump_filters', table);
    const path = join(folder, 'saved.cnf');
    writeFileSync(path, exportConfig(from.handle));
    const parsed = openConfigFile(path).read();
    if ('error' in parsed) assert.fail(parsed.error);
    const problems = MODULES.flatMap((module) => importModule(to.handle, module, parsed.root).problems);
    assert.deepEqual(problems, []);
    assert.deepEqual(contents(to), wanted);
  } finally {
    from.close();
    to.close();
    removeFolder(folder);
  }
});
