/**
 * Which statements change something, and so go to the audit log. In doubt a statement does.
 */
import type { AdminStatement } from '../grammar/statement.ts';

/** Kinds that only look. */
const LOOKS: ReadonlySet<AdminStatement['kind']> = new Set([
  'ok',
  'rows',
  'fact',
  'show-create-table',
  'show-fields',
  'show-table-status',
  'show-warnings',
  'pull-version',
  'hang-up',
  'checksum',
  'global-checksum',
  'show-diff',
  'show-runtime-history',
  'explain-route',
  'config-text',
  'pull-version',
  'hang-up',
  'refuse',
]);

export function changesSomething(statement: AdminStatement): boolean {
  return statement.kind === 'sql' ? sqlChanges(statement.sql) : !LOOKS.has(statement.kind);
}

const FIRST_WORD = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*([A-Za-z]*)/;

/** Pragmas that tell something and set nothing. */
export const LOOKING_PRAGMA =
  /^\s*pragma\s+(?:\w+\s*\.\s*)?(table_info|table_xinfo|table_list|index_list|index_info|index_xinfo|database_list|foreign_key_list|collation_list|function_list|module_list|pragma_list|compile_options|quick_check|integrity_check)\b(?!\s*=)/i;

function sqlChanges(sql: string): boolean {
  switch (firstWord(sql)) {
    case 'SELECT':
    case 'VALUES':
    case 'EXPLAIN':
    case '':
      return false;
    case 'WITH':
      return /\b(insert|update|delete|replace)\b/i.test(sql);
    case 'PRAGMA':
      return !LOOKING_PRAGMA.test(sql);
    default:
      return true;
  }
}

/** The word that says what a statement is, in capitals; comments in front of it are passed over. */
export function firstWord(sql: string): string {
  return (FIRST_WORD.exec(sql)?.[1] ?? '').toUpperCase();
}
