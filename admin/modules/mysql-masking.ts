/**
 * MYSQL MASKING: protected columns and the users they are protected from.
 */
import {
  buildMaskingColumns,
  buildMaskingUsers,
  type CheckMask,
  maskingColumnRow,
  maskingUserRow,
} from '../../runtime/masking.ts';
import { parseMask } from '../../src/masks/mask-spec.ts';
import type { TableModule } from './module.ts';

export const mysqlMasking = {
  kind: 'tables',
  name: 'MYSQL MASKING',
  tables: [
    { name: 'mysql_masking_columns', runtimeRows: ({ snapshot }) => snapshot.maskingColumns.map(maskingColumnRow) },
    { name: 'mysql_masking_users', runtimeRows: ({ snapshot }) => snapshot.maskingUsers.map(maskingUserRow) },
  ],
  build(rows, { sluiceVariables }) {
    const keyed = (sluiceVariables.masking_hash_key ?? '') !== '';
    const columns = buildMaskingColumns(rows.get('mysql_masking_columns') ?? [], checkMaskWith(keyed));
    const users = buildMaskingUsers(rows.get('mysql_masking_users') ?? []);
    return {
      parts: { maskingColumns: columns.entries, maskingUsers: users.entries },
      problems: [...columns.problems, ...users.problems],
    };
  },
} as const satisfies TableModule;

/** @param keyed sluice-masking_hash_key is set */
function checkMaskWith(keyed: boolean): CheckMask {
  return (mask, maskArgs) => {
    const { spec, problem } = parseMask(mask, maskArgs);
    if (problem !== undefined || spec.kind !== 'hash' || keyed) return problem;
    return {
      column: 'mask',
      reason: 'hash needs sluice-masking_hash_key; until it is set the column is masked in full',
    };
  };
}
