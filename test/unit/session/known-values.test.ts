import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { areKnownNames, isKnownValue } from '../../../src/session/known-values.ts';

describe('values that every server takes from everybody', () => {
  it('are those of drivers at their start', () => {
    for (const [name, value] of [
      ['autocommit', '1'],
      ['sql_mode', "'STRICT_TRANS_TABLES,NO_ZERO_DATE'"],
      ['sql_mode', "''"],
      ['time_zone', "'+00:00'"],
      ['foreign_key_checks', '0'],
      ['sql_select_limit', '501'],
      ['net_write_timeout', '600'],
      ['tmp_table_size', '33554432'],
      ['transaction_isolation', "'READ-COMMITTED'"],
      ['character_set_results', 'NULL'],
      ['collation_connection', 'utf8mb4_unicode_ci'],
      ['optimizer_switch', 'DEFAULT'],
    ] as const)
      assert.equal(isKnownValue(name, value), true, `${name}=${value}`);
    assert.equal(areKnownNames({ charset: 'utf8mb4', collation: 'utf8mb4_0900_ai_ci' }), true);
  });

  it('are not those that need a right, a table of the server, or its family', () => {
    for (const [name, value] of [
      ['sql_mode', "'NO_AUTO_CREATE_USER'"],
      ['time_zone', "'Europe/Paris'"],
      ['time_zone', "'+13:30'"],
      ['sql_log_bin', '0'],
      ['sql_select_limit', '-1'],
      ['lock_wait_timeout', '1.5'],
      ['tmp_table_size', '2048'],
      ['join_buffer_size', '1025'],
      ['character_set_client', 'utf16'],
      ['character_set_results', 'gb18030'],
      ['collation_connection', 'utf8mb4_0900_bin'],
      ['default_storage_engine', "'gemini'"],
      ['optimizer_switch', "'mrr=on'"],
    ] as const)
      assert.equal(isKnownValue(name, value), false, `${name}=${value}`);
    assert.equal(areKnownNames({ charset: 'utf8mb4', collation: 'utf8mb4_croatian_ci' }), false);
  });
});
