/**
 * Takes the rows of global_variables to a new set of runtime values: LOAD … VARIABLES TO RUNTIME without the database.
 * It says which memory rows have to change afterwards, and changes nothing itself.
 */
import type { Problem } from '../../runtime/problem.ts';
import type { VariableValues } from '../../runtime/snapshot.ts';
import { charsetOfCollation, defaultCollationOf } from './charsets.ts';
import { normalise } from './normalise.ts';
import { findVariable, type NamedVariable, type VariablePrefix, variablesOf } from './spec.ts';

/** A row of global_variables. */
export interface VariableRow {
  /** With its prefix. */
  readonly name: string;
  readonly value: string;
}

/** What to do with a memory row, provided that it still holds `found`. */
export interface Correction {
  readonly name: string;
  readonly found: string;
  /** The value to show instead; undefined removes the row. */
  readonly value: string | undefined;
}

export interface AppliedVariables {
  /** The new runtime values of the whole family, by short name. */
  readonly values: VariableValues;
  readonly corrections: readonly Correction[];
  readonly problems: readonly Problem[];
}

export interface ApplyOptions {
  readonly prefix: VariablePrefix;
  /** The runtime values up to now, by short name; empty at the first LOAD. */
  readonly current: VariableValues;
  /** At start-up, start-up-only variables are taken too. */
  readonly startingUp: boolean;
  /** sluice-strict. */
  readonly strict: boolean;
}

const CLIENT_COMPRESS = 0x20;
const CLIENT_SSL = 0x800;

/**
 * Rows that are missing keep their runtime value (at start-up: the default). A bad value keeps the last good one in the
 * runtime and shows it again in memory. Unknown names of the family are removed from memory.
 */
export function applyVariables(rows: readonly VariableRow[], options: ApplyOptions): AppliedVariables {
  const { prefix, current, startingUp, strict } = options;
  const values: Record<string, string> = {};
  for (const { shortName, defaultText } of variablesOf(prefix)) values[shortName] = current[shortName] ?? defaultText;
  if (prefix === 'mysql-') keepCapabilities(values);
  const corrections = new Map<string, Correction>();
  const problems: Problem[] = [];
  for (const row of rows) {
    if (!row.name.startsWith(prefix)) continue;
    const variable = findVariable(row.name);
    if (variable === undefined) {
      corrections.set(row.name, { name: row.name, found: row.value, value: undefined });
      problems.push(problem(row.name, 'there is no variable of this name; the row was removed', 'error'));
      continue;
    }
    const kept = values[variable.shortName] ?? variable.defaultText;
    const judged = judge(variable, row.value, kept, startingUp, strict);
    if (judged.value !== undefined) values[variable.shortName] = judged.value;
    if (judged.restore) corrections.set(row.name, { name: row.name, found: row.value, value: judged.value ?? kept });
    if (judged.problem !== undefined) problems.push(judged.problem);
  }
  if (prefix === 'mysql-') matchCharsetAndCollation(values, current, rows, corrections, problems);
  if (prefix === 'admin-') obeyChecksumSwitches(values);
  return { values, corrections: [...corrections.values()], problems };
}

/**
 * admin-checksum_… = false once switched the checksum of a module off; what is left of it is that the module is not
 * synchronised, whatever its diffs_before_sync says in memory. Source: ProxySQL_Admin::set_variable.
 */
function obeyChecksumSwitches(values: Record<string, string>): void {
  for (const name of Object.keys(values)) {
    const module = /^checksum_(\w+)$/.exec(name)?.[1];
    if (module !== undefined && values[name] === 'false') values[`cluster_${module}_diffs_before_sync`] = '0';
  }
}

interface Judgement {
  readonly value?: string;
  readonly restore?: boolean;
  readonly problem?: Problem;
}

function judge(variable: NamedVariable, text: string, kept: string, startingUp: boolean, strict: boolean): Judgement {
  const { name, spec } = variable;
  if (spec.readOnly === true) {
    if (text === kept) return {};
    // After an update the disk holds the version of the last program; that is nobody's mistake.
    return { restore: true, ...(startingUp ? {} : { problem: problem(name, 'cannot be changed', 'error') }) };
  }
  const normalised = normalise(spec, text, strict);
  if ('problem' in normalised) {
    const reason = `${normalised.problem}; the last good value stays`;
    return { restore: normalised.keepInMemory !== true, problem: problem(name, reason, 'error') };
  }
  if (spec.startUpOnly === true && !startingUp) {
    if (normalised.value === kept) return {};
    return {
      restore: true,
      problem: problem(name, 'can be changed by a restart only (after SAVE … TO DISK)', 'error'),
    };
  }
  const reason = normalised.note ?? (normalised.value === variable.defaultText ? undefined : spec.unmet);
  const note = reason === undefined ? {} : { problem: problem(name, reason, 'warning') };
  // An empty charset stands for the default, which memory then shows.
  const restore = text === '' && normalised.value !== '';
  return { value: normalised.value, ...note, ...(restore ? { restore } : {}) };
}

function problem(name: string, reason: string, severity: Problem['severity']): Problem {
  return { table: 'global_variables', key: name, column: 'variable_value', reason, severity };
}

/**
 * A default collation that does not belong to the default charset would make every login fail at the server.
 * The one that was changed wins; when both or none were, the collation does, unless it is the built-in default.
 */
function matchCharsetAndCollation(
  values: Record<string, string>,
  current: VariableValues,
  rows: readonly VariableRow[],
  corrections: Map<string, Correction>,
  problems: Problem[],
): void {
  const charset = values.default_charset ?? '';
  const collation = values.default_collation_connection ?? '';
  const belongsTo = charsetOfCollation(collation);
  if (belongsTo === undefined || sameCharset(belongsTo, charset)) return;
  const charsetChanged = charset !== current.default_charset;
  const collationChanged = collation !== current.default_collation_connection;
  const collationWins = charsetChanged === collationChanged ? collation !== 'utf8_general_ci' : collationChanged;
  const [changed, value] = collationWins
    ? (['default_charset', belongsTo] as const)
    : (['default_collation_connection', defaultCollationOf(charset) ?? collation] as const);
  values[changed] = value;
  const name = `mysql-${changed}`;
  const row = rows.find((candidate) => candidate.name === name);
  if (row !== undefined) corrections.set(name, { name, found: row.value, value });
  problems.push(
    problem(name, `charset ${charset} and collation ${collation} do not belong together; now ${value}`, 'warning'),
  );
}

function sameCharset(a: string, b: string): boolean {
  const plain = (name: string): string => name.toLowerCase().replace(/^utf8mb3$/, 'utf8');
  return plain(a) === plain(b);
}

/**
 * The switches for compression and TLS leave their bits in the value that stays when a new one is refused; a value that
 * is accepted is shown as it was given. So it is in ProxySQL.
 */
function keepCapabilities(values: Record<string, string>): void {
  let capabilities = Number(values.server_capabilities);
  if (values.have_compress === 'true') capabilities |= CLIENT_COMPRESS;
  if (values.have_ssl === 'true') capabilities |= CLIENT_SSL;
  values.server_capabilities = String(capabilities >>> 0);
}
