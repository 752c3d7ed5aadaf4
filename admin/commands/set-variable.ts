/**
 * SET of a configuration variable: changes the row in memory, nothing else; LOAD … VARIABLES TO RUNTIME makes it count.
 *
 * ProxySQL answers OK to unknown names and takes any value, to put the old one back at LOAD without a word. With
 * sluice-strict both are refused at once, with the reason, and a variable without effect is warned about; without it we do
 * as ProxySQL does.
 */
import type { Problem } from '../../runtime/problem.ts';
import type { AdminContext, SessionContext } from '../context.ts';
import { executeSql, type SqlParameter } from '../db/execute.ts';
import type { AdminStatement } from '../grammar/statement.ts';
import { type AdminReply, adminError, okReply } from '../reply.ts';
import { isStrict } from '../strict.ts';
import { normalise } from '../variables/normalise.ts';
import { findVariable, type NamedVariable, VARIABLE_PREFIXES } from '../variables/spec.ts';
import { isReadOnly } from './passthrough.ts';

type Set = Extract<AdminStatement, { kind: 'set' }>;

/** MySQL's ER_UNKNOWN_SYSTEM_VARIABLE and ER_WRONG_VALUE_FOR_VAR. */
const UNKNOWN_VARIABLE = 1193;
const WRONG_VALUE = 1231;
/** ProxySQL cannot read `SET mysql-init_connect='SET …'`. */
const NOT_BY_SET = 'mysql-init_connect';

export function setVariable(
  context: AdminContext,
  session: SessionContext,
  { name, value }: Set,
  parameters?: readonly SqlParameter[],
): AdminReply {
  const variable = findVariable(name);
  const strict = isStrict(context);
  if (variable === undefined) return strict ? unknownVariable(name) : quietlyUnknown(name);
  if (!strict && name === NOT_BY_SET) return notBySet(name);
  const { handle } = context.db;
  const row = handle
    .prepare<[string], string>('SELECT variable_value FROM main.global_variables WHERE variable_name=?')
    .pluck();
  const before = row.get(name);
  const update = `UPDATE global_variables SET variable_value=${value} WHERE variable_name='${name}'`;
  const result = executeSql(handle, update, { readOnly: isReadOnly(context), parameters });
  const after = row.get(name);
  if (strict && before !== undefined && after !== undefined) {
    const judged = normalise(variable.spec, String(after), strict);
    if ('problem' in judged) {
      // Nobody saw the value: this is still the same turn of the event loop.
      handle.prepare('UPDATE main.global_variables SET variable_value=? WHERE variable_name=?').run(before, name);
      return adminError(`Variable '${name}' ${judged.problem}`, WRONG_VALUE, '42000');
    }
    const reasons = [judged.note, withoutEffect(variable, String(after))].filter((reason) => reason !== undefined);
    if (reasons.length > 0) {
      session.warnings = reasons.map((reason) => warning(name, reason));
      return { kind: 'ok', affectedRows: 1, warnings: reasons.length };
    }
  }
  return okReply(result.kind === 'count' ? result.affectedRows : 0);
}

/** Nobody should wait for what a setting does that does nothing here. Its default asks for nothing. */
function withoutEffect({ spec, defaultText }: NamedVariable, value: string): string | undefined {
  if (spec.effect === 'yes' || value === defaultText) return undefined;
  return spec.unmet ?? 'has no effect in sluice; the value is kept';
}

function warning(name: string, reason: string): Problem {
  return { table: 'global_variables', key: name, column: 'variable_value', reason, severity: 'warning' };
}

function quietlyUnknown(name: string): AdminReply {
  return { kind: 'ok', info: `ERROR: Unknown global variable: '${name}'.` };
}

function notBySet(name: string): AdminReply {
  const what = `Global variable '${name}' is not configurable using SET command`;
  return adminError(`ERROR: ${what}. You must run UPDATE global_variables`);
}

function unknownVariable(name: string): AdminReply {
  const meant = suggestion(name);
  const hint = meant === undefined ? '' : `; did you mean '${meant}'?`;
  return adminError(`Unknown system variable '${name}'${hint}`, UNKNOWN_VARIABLE, 'HY000');
}

/** The name that was probably meant: without MySQL's scopes, in lower case, with one of our prefixes. */
function suggestion(name: string): string | undefined {
  const bare = name.replace(/^(global |@@global\.|@@)/i, '').toLowerCase();
  return [bare, ...VARIABLE_PREFIXES.map((prefix) => prefix + bare)].find((text) => findVariable(text) !== undefined);
}
