/**
 * What a configurable module is: the unit of LOAD and SAVE. A module knows its tables and how their rows become part of
 * the runtime and back; promotion.ts moves the rows, and no module touches the database.
 */
import type { TableRow } from '../../runtime/build-snapshot.ts';
import type { Problem } from '../../runtime/problem.ts';
import type {
  QueryRuleEntry,
  RuntimeSnapshot,
  ServerEntry,
  SnapshotParts,
  VariableValues,
} from '../../runtime/snapshot.ts';
import type { ConnectionPoolRow } from '../../runtime/stats.ts';
import type { Edge } from '../layers.ts';
import type { VariablePrefix } from '../variables/spec.ts';

/** A rule that cannot work, as the rule compiler reports it. */
export interface RuleProblem {
  readonly ruleId: number;
  readonly column: string;
  readonly reason: string;
}

export interface RuleOptions {
  readonly iterations: number;
  readonly regexEngine: 1 | 2;
}

/** Compiles rules to find what is wrong with them. */
export type CheckRules = (rules: readonly QueryRuleEntry[], options: RuleOptions) => readonly RuleProblem[];

/** What a module may look at while it turns rows into a part of the runtime. */
export interface BuildContext {
  readonly mysqlVariables: VariableValues;
  readonly sluiceVariables: VariableValues;
  readonly checkRules: CheckRules;
  /** What the runtime has of other modules now. */
  readonly servers: readonly ServerEntry[];
  readonly queryRules: readonly QueryRuleEntry[];
}

export interface BuiltParts {
  readonly parts: Partial<SnapshotParts>;
  readonly problems: readonly Problem[];
}

/** The runtime as the admin plane sees it. */
export interface RuntimeView {
  readonly snapshot: RuntimeSnapshot;
  /** Servers that were taken out of the configuration since the start; some may still have connections. */
  readonly retiredServers: readonly ServerEntry[];
  /** What the workers observe of the servers; empty for modules that do not ask for it. */
  readonly pool: readonly ConnectionPoolRow[];
  /** Rows of tables the data plane has no use for, as they were at the last LOAD, by table. */
  readonly stored: ReadonlyMap<string, readonly TableRow[]>;
}

export interface ModuleTable {
  /** Its name in memory and on disk; the runtime twin has `runtime_` in front. */
  readonly name: string;
  /** Rows of the runtime twin. Absent: the twin shows the rows of the last LOAD as they were. */
  readonly runtimeRows?: (view: RuntimeView) => readonly TableRow[];
  /** Rows SAVE … FROM RUNTIME writes. Absent: those of the runtime twin. */
  readonly savedRows?: (view: RuntimeView) => readonly TableRow[];
  /**
   * How SAVE … FROM RUNTIME treats rows of the memory that the runtime does not have: `delete` them, or keep them with
   * active=0.
   */
  readonly onSave?: 'delete' | 'deactivate';
}

interface CommonModule {
  /** As in SQL: `LOAD <name> TO RUNTIME`. */
  readonly name: string;
  /** The edges it has commands for; all when absent. */
  readonly edges?: readonly Edge[];
}

/** A module that owns whole tables. */
export interface TableModule extends CommonModule {
  readonly kind: 'tables';
  readonly tables: readonly ModuleTable[];
  /** Its runtime tables show what the workers observe of the servers. */
  readonly needsPool?: boolean;
  /** Rows of all its tables, by table, to its part of the snapshot. */
  readonly build: (rows: ReadonlyMap<string, readonly TableRow[]>, context: BuildContext) => BuiltParts;
}

/** A module that owns the rows of global_variables with one prefix. */
export interface VariablesModule extends CommonModule {
  readonly kind: 'variables';
  readonly prefix: VariablePrefix;
}

export type ConfigModule = TableModule | VariablesModule;
