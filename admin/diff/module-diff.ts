/**
 * SHOW DIFF: a module's memory against its runtime, or against disk. It reads, and changes nothing.
 *
 * The runtime's side is memory as it was at the last LOAD; what that LOAD could not take is told beside it, by the same
 * code that would load it now.
 */
import type { Database } from 'better-sqlite3';
import type { TableRow } from '../../runtime/build-snapshot.ts';
import type { DataPlane } from '../../runtime/plane.ts';
import type { Problem } from '../../runtime/problem.ts';
import type { VariableValues } from '../../runtime/snapshot.ts';
import type { RuntimeHistory } from '../history/runtime-history.ts';
import type { CheckRules, ConfigModule, TableModule, VariablesModule } from '../modules/module.ts';
import { isStrict } from '../strict.ts';
import { hasTable, keyColumnsOf, readTable, readVariables, type Schema } from '../table-store.ts';
import { applyVariables, type VariableRow } from '../variables/apply.ts';
import type { VariablePrefix } from '../variables/spec.ts';
import { diffRows, type RowDifference } from './diff-rows.ts';

export type DiffSide = 'runtime' | 'disk';

export interface ModuleDiff {
  /** From the other side to memory. */
  readonly rows: readonly RowDifference[];
  /** What a LOAD … TO RUNTIME would report of memory; none against disk. */
  readonly problems: readonly Problem[];
}

export interface DiffSources {
  readonly db: Database;
  readonly plane: DataPlane;
  readonly checkRules: CheckRules;
  readonly history: RuntimeHistory;
  readonly inForce: (prefix: VariablePrefix) => VariableValues;
}

export const VARIABLES_TABLE = 'global_variables';
const VARIABLES_KEY = ['variable_name'] as const;

export function variableRows(variables: readonly VariableRow[]): readonly TableRow[] {
  return variables.map(({ name, value }) => ({ variable_name: name, variable_value: value }));
}

export function variableOf(row: TableRow): VariableRow {
  return { name: String(row.variable_name), value: String(row.variable_value) };
}

export function moduleDiff(sources: DiffSources, module: ConfigModule, against: DiffSide): ModuleDiff {
  return module.kind === 'tables' ? tablesDiff(sources, module, against) : variablesDiff(sources, module, against);
}

function tablesDiff(
  { db, plane, checkRules, history }: DiffSources,
  module: TableModule,
  against: DiffSide,
): ModuleDiff {
  const memory = tablesOf(db, module, 'main');
  const other = against === 'disk' ? tablesOf(db, module, 'disk') : history.inForce(module.name);
  const rows = [...memory].flatMap(([table, now]) =>
    diffRows(table, keyColumnsOf(db, table), other.get(table) ?? [], now),
  );
  if (against === 'disk') return { rows, problems: [] };
  return { rows, problems: module.build(memory, { ...plane.current, checkRules }).problems };
}

function tablesOf(db: Database, module: TableModule, schema: Schema): ReadonlyMap<string, readonly TableRow[]> {
  const names = module.tables.map(({ name }) => name).filter((name) => hasTable(db, schema, name));
  return new Map(names.map((name) => [name, readTable(db, name, schema)]));
}

function variablesDiff(
  { db, plane, inForce }: DiffSources,
  { prefix }: VariablesModule,
  against: DiffSide,
): ModuleDiff {
  const memory = readVariables(db, prefix);
  const diff = (before: readonly VariableRow[], after: readonly VariableRow[]): readonly RowDifference[] =>
    diffRows(VARIABLES_TABLE, VARIABLES_KEY, variableRows(before), variableRows(after));
  if (against === 'disk') return { rows: diff(readVariables(db, prefix, 'disk'), memory), problems: [] };
  // What the runtime would hold: `1e3` in memory is 1 there.
  const current = inForce(prefix);
  const { values, problems } = applyVariables(memory, {
    prefix,
    current,
    startingUp: false,
    strict: isStrict({ plane }),
  });
  const named = (list: VariableValues): VariableRow[] =>
    Object.entries(list).map(([name, value]) => ({ name: prefix + name, value }));
  return { rows: diff(named(current), named(values)), problems };
}
