/**
 * Which values of the configuration are secrets, so that whatever shows or logs configuration asks in one place. It holds
 * no value.
 */

/** What stands in place of a secret. */
export const HIDDEN = '[secret]';

/** Variables that hold passwords, with or without their prefix: admin_credentials, monitor_password, … */
export function isSecretVariable(name: string): boolean {
  return /(credentials|password|secret|hash_key)$/i.test(name);
}

/** Words that announce a secret in a free text, such as an argument of a scheduler's program. */
const TELLTALE = /pass(word|wd|phrase)?|secret|token|credential/i;
const FREE_TEXTS: ReadonlySet<string> = new Set(['attributes', 'arg1', 'arg2', 'arg3', 'arg4', 'arg5']);

/** Is the value of this column one that must not be shown? `variable` is the row's variable_name in global_variables. */
export function isSecretCell(column: string, value: unknown, variable?: string): boolean {
  if (column === 'password') return true;
  if (column === 'variable_value') return variable !== undefined && isSecretVariable(variable);
  return FREE_TEXTS.has(column) && TELLTALE.test(String(value));
}
