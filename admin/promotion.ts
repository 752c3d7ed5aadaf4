/**
 * The only code that copies configuration between DISK, MEMORY, CONFIG and RUNTIME: a table of edges, the same for every
 * module, and one dispatcher. It owns no SQL (table-store.ts), no rows (modules/) and no bytes to the workers (the
 * DataPlane does).
 *
 * Promotions run one after another. Each reads memory in one step, so two LOADs at once never mix; each resolves after
 * every worker serves what it published.
 */
import { buildUsers, type TableRow } from '../runtime/build-snapshot.ts';
import type { DataPlane } from '../runtime/plane.ts';
import { formatProblem, type Problem } from '../runtime/problem.ts';
import type { ServerEntry, VariablePartName, VariableValues } from '../runtime/snapshot.ts';
import type { Logger } from '../src/observe/logger.ts';
import { tableChecksums, variablesChecksum } from './checksums/module-checksums.ts';
import { RuntimeChecksums } from './checksums/runtime-checksums.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import { importModule } from './config-file/import.ts';
import {
  type DiffSide,
  type ModuleDiff,
  moduleDiff,
  VARIABLES_TABLE,
  variableOf,
  variableRows,
} from './diff/module-diff.ts';
import { RuntimeHistory } from './history/runtime-history.ts';
import { DiskTrouble, type Edge, type PromotionDatabase, PromotionRefused, type PromotionResult } from './layers.ts';
import { MODULES, type ModuleName } from './modules/index.ts';
import type { CheckRules, ConfigModule, RuntimeView, TableModule, VariablesModule } from './modules/module.ts';
import { retiredServers } from './modules/mysql-servers.ts';
import { type StartUpOptions, startUp } from './start-up.ts';
import { isStrict } from './strict.ts';
import {
  copyTables,
  copyVariables,
  correctVariables,
  hasTable,
  keyColumnsOf,
  readTable,
  readVariables,
  type TableContent,
  writeTables,
  writeVariables,
} from './table-store.ts';
import { type AdminVariableName, announcedVersion } from './variables/admin-spec.ts';
import { applyVariables, type VariableRow } from './variables/apply.ts';
import { VARIABLE_PREFIXES, type VariablePrefix } from './variables/spec.ts';

export { type Edge, type PromotionDatabase, PromotionRefused, type PromotionResult } from './layers.ts';

export interface PromotionDependencies {
  readonly db: PromotionDatabase;
  readonly plane: DataPlane;
  readonly configFile: ConfigFile | undefined;
  readonly logger: Logger;
  readonly checkRules: CheckRules;
  /** New values of the admin variables by short name; to be in force when it resolves. Rejecting refuses the LOAD. */
  readonly onAdminVariables: (values: VariableValues) => Promise<void>;
}

export interface Promotion {
  /**
   * Moves one module along one edge. Rejects with PromotionRefused, or with what publishing failed of.
   * @param by who asked, for the history
   */
  run(module: ModuleName, edge: Edge, by?: string): Promise<PromotionResult>;
  /** Puts what was loaded as `version` back into memory and into the runtime. Rejects as `run` does. */
  restore(module: ModuleName, version: number, by: string): Promise<PromotionResult>;
  /** How memory differs from the runtime or from disk, and what a LOAD would complain about. */
  diff(module: ModuleName, against: DiffSide): ModuleDiff;
  /** What the runtime was made of, now and before. */
  readonly history: RuntimeHistory;
  /**
   * Takes the rows of one user to the runtime, which keeps the others as they are. A user without an active row stays as
   * he is, too.
   */
  loadUser(username: string, by: string): Promise<PromotionResult>;
  /**
   * Fills the layers at start-up: defaults, disk, the config file when it counts, then everything to the runtime.
   * Resolves with the problems found on the way, which are logged already.
   */
  startUp(options: StartUpOptions): Promise<readonly Problem[]>;
  /** What the runtime_ tables named are to hold now; other names are ignored. writeTables() puts it there. */
  runtimeContents(tables: ReadonlySet<string>): Promise<readonly TableContent[]>;
  /** Counts the LOADs and knows what was loaded. */
  readonly checksums: RuntimeChecksums;
  /** The admin variables in force, by short name. */
  readonly adminVariables: VariableValues;
  /** Puts one value in force without touching memory, as PROXYSQL READONLY does. */
  setAdminVariable(name: AdminVariableName, value: string): Promise<void>;
}

/** Problems of one promotion that are logged one by one; the rest are counted. */
const PROBLEMS_LOGGED_MAX = 50;

/** Which part of the snapshot a family is; the admin plane keeps its own to itself. */
const PART_OF: Readonly<Record<VariablePrefix, VariablePartName | undefined>> = {
  'admin-': undefined,
  'mysql-': 'mysqlVariables',
  'sluice-': 'sluiceVariables',
};

/** Who loads when nobody asks. */
const START_UP = 'start-up';

const NOTHING: PromotionResult = { affectedRows: 0, problems: [] };

/** One edge for the two kinds of modules. */
interface EdgeSteps {
  readonly tables: (module: TableModule) => PromotionResult | Promise<PromotionResult>;
  readonly variables: (module: VariablesModule) => PromotionResult | Promise<PromotionResult>;
}

export function createPromotion(dependencies: PromotionDependencies): Promotion {
  const { plane, configFile, logger, checkRules, onAdminVariables } = dependencies;
  const db = dependencies.db.handle;
  /** Rows of the last LOAD of tables the data plane does not know. */
  const stored = new Map<string, readonly TableRow[]>();
  const checksums = new RuntimeChecksums();
  let retired: readonly ServerEntry[] = [];
  let adminVariables: VariableValues = {};
  let startingUp = false;
  let actor = START_UP;
  const history = new RuntimeHistory({ nowMs: () => Date.now(), keyColumnsOf: (table) => keyColumnsOf(db, table) });
  let last: Promise<unknown> = Promise.resolve();

  const edges: Readonly<Record<Edge, EdgeSteps>> = {
    'disk>memory': {
      tables: (module) => copy(module, 'disk', 'main'),
      variables: ({ prefix }) => ({ affectedRows: copyVariables(db, 'disk', 'main', prefix), problems: [] }),
    },
    'memory>disk': {
      tables: (module) => copy(module, 'main', 'disk'),
      variables: ({ prefix }) => ({ affectedRows: copyVariables(db, 'main', 'disk', prefix), problems: [] }),
    },
    'config>memory': { tables: readConfigFile, variables: readConfigFile },
    'memory>runtime': { tables: publishTables, variables: publishVariables },
    'runtime>memory': { tables: saveTables, variables: saveVariables },
  };

  function copy(module: TableModule, from: 'main' | 'disk', to: 'main' | 'disk'): PromotionResult {
    copyTables(db, from, to, tableNames(module));
    return NOTHING;
  }

  function readConfigFile(module: ConfigModule): PromotionResult {
    if (configFile === undefined) throw new PromotionRefused('Config file unknown');
    const parsed = configFile.read();
    if ('error' in parsed) {
      logger.error({ file: configFile.path }, parsed.error);
      throw new PromotionRefused(`Unable to open or parse config file ${configFile.path}`);
    }
    return importModule(db, module, parsed.root);
  }

  async function publishTables(module: TableModule): Promise<PromotionResult> {
    const rows = memoryRows(module);
    const { parts, problems } = module.build(rows, { ...plane.current, checkRules });
    const before = plane.current.servers;
    if (Object.keys(parts).length > 0) await plane.publish(parts);
    if (parts.servers !== undefined) retired = retiredServers([...retired, ...before], parts.servers);
    for (const { name, runtimeRows } of module.tables) {
      if (runtimeRows === undefined) stored.set(name, rows.get(name) ?? []);
    }
    history.loaded(module.name, rows, actor);
    for (const [name, compute] of tableChecksums(module.name, rows, plane.current)) checksums.loaded(name, compute);
    return { affectedRows: 0, problems };
  }

  async function publishUser(username: string): Promise<PromotionResult> {
    const rows = readTable(db, 'mysql_users').filter((row) => row.username === username);
    const { entries, problems } = buildUsers(rows);
    if (entries.length > 0) {
      const others = plane.current.users.filter((user) => user.username !== username);
      await plane.publish({ users: [...others, ...entries] });
      const before = history.inForce('MYSQL USERS').get('mysql_users') ?? [];
      const after = [...before.filter((row) => row.username !== username), ...rows];
      history.loaded('MYSQL USERS', new Map([['mysql_users', after]]), actor);
    }
    return { affectedRows: 0, problems };
  }

  async function publishVariables(module: VariablesModule): Promise<PromotionResult> {
    const { prefix } = module;
    const current = prefix === 'admin-' ? withVersion(adminVariables) : inForce(prefix);
    const applied = applyVariables(readVariables(db, prefix), {
      prefix,
      current,
      startingUp,
      strict: isStrict({ plane }),
    });
    const part = PART_OF[prefix];
    if (part !== undefined) {
      await plane.publish({ [part]: applied.values });
    } else {
      await onAdminVariables(applied.values);
      adminVariables = applied.values;
    }
    const { values } = applied;
    if (prefix === 'mysql-') checksums.loaded('mysql_variables', () => variablesChecksum('mysql-', values));
    if (prefix === 'admin-') checksums.loaded('admin_variables', () => variablesChecksum('admin-', values));
    correctVariables(db, applied.corrections);
    if (prefix === 'sluice-') showVersion();
    history.loaded(module.name, new Map([[VARIABLES_TABLE, variableRows(runtimeVariables(prefix))]]), actor);
    return { affectedRows: 0, problems: applied.problems };
  }

  function withVersion(values: VariableValues): VariableValues {
    return { ...values, version: announcedVersion(isStrict({ plane })) };
  }

  /** The version is the one value that follows from another: from sluice-strict. */
  function showVersion(): void {
    adminVariables = withVersion(adminVariables);
    writeVariables(db, 'main', [{ name: 'admin-version', value: announcedVersion(isStrict({ plane })) }]);
  }

  async function saveTables(module: TableModule): Promise<PromotionResult> {
    const view = await viewOf([module]);
    writeTables(
      db,
      module.tables.map((table) => ({
        table: table.name,
        rows: (table.savedRows ?? table.runtimeRows ?? storedRows(table.name))(view),
        others: table.onSave ?? 'delete',
      })),
    );
    history.rewritten(module.name, memoryRows(module));
    return NOTHING;
  }

  function memoryRows(module: TableModule): ReadonlyMap<string, readonly TableRow[]> {
    const names = tableNames(module).filter((name) => hasTable(db, 'main', name));
    return new Map(names.map((name) => [name, readTable(db, name)]));
  }

  /** As LOAD … FROM DISK, memory is replaced; then it is loaded. */
  async function restore(module: ConfigModule, version: number): Promise<PromotionResult> {
    const entry = history.find(module.name, version);
    if (entry === undefined) {
      throw new PromotionRefused(`There is no version ${version} of ${module.name}: see SHOW RUNTIME HISTORY`);
    }
    const contents = [...entry.rows].map(([table, rows]) => ({ table, rows, others: 'delete' as const }));
    if (module.kind === 'tables') writeTables(db, contents);
    else
      writeVariables(
        db,
        'main',
        contents.flatMap(({ rows }) => rows.map(variableOf)),
      );
    return step(module, 'memory>runtime');
  }

  function saveVariables({ prefix }: VariablesModule): PromotionResult {
    writeVariables(db, 'main', runtimeVariables(prefix));
    return NOTHING;
  }

  function runtimeVariables(prefix: VariablesModule['prefix']): VariableRow[] {
    return Object.entries(inForce(prefix)).map(([name, value]) => ({ name: prefix + name, value }));
  }

  /** The runtime values of one family, by short name. */
  function inForce(prefix: VariablePrefix): VariableValues {
    const part = PART_OF[prefix];
    return part === undefined ? adminVariables : plane.current[part];
  }

  /** Asks the workers only when one of the modules shows what they observe. */
  async function viewOf(modules: readonly TableModule[]): Promise<RuntimeView> {
    const pool = modules.some(({ needsPool }) => needsPool) ? await plane.collect('connection-pool') : [];
    return { snapshot: plane.current, retiredServers: retired, pool, stored };
  }

  async function runtimeContents(tables: ReadonlySet<string>): Promise<readonly TableContent[]> {
    const content = (table: string, rows: readonly TableRow[]): TableContent => ({ table, rows, others: 'delete' });
    const contents: TableContent[] = [];
    const wanted = MODULES.filter(isTableModule).filter((module) =>
      module.tables.some(({ name }) => tables.has(`runtime_${name}`)),
    );
    if (wanted.length > 0) {
      const view = await viewOf(wanted);
      for (const { name, runtimeRows } of wanted.flatMap((module) => module.tables)) {
        const table = `runtime_${name}`;
        if (tables.has(table)) contents.push(content(table, (runtimeRows ?? storedRows(name))(view)));
      }
    }
    if (tables.has('runtime_checksums_values')) {
      const rows = await checksums.rows();
      contents.push(
        content(
          'runtime_checksums_values',
          rows.map((row): TableRow => ({ ...row })),
        ),
      );
    }
    if (tables.has('runtime_global_variables')) {
      const rows = variableRows(VARIABLE_PREFIXES.flatMap(runtimeVariables));
      contents.push(content('runtime_global_variables', rows));
    }
    return contents;
  }

  async function step(module: ConfigModule, edge: Edge): Promise<PromotionResult> {
    const steps = edges[edge];
    let result: PromotionResult;
    try {
      result = module.kind === 'tables' ? await steps.tables(module) : await steps.variables(module);
    } catch (error) {
      const trouble = edge.includes('disk') ? DiskTrouble.of(error, edge) : undefined;
      if (trouble !== undefined) logger.error({ module: module.name, edge, err: error }, trouble.message);
      throw trouble ?? error;
    }
    report(logger, module, edge, result.problems);
    return result;
  }

  /** The history names who did it. Only for use in turn. */
  async function as<Result>(by: string, action: () => Promise<Result>): Promise<Result> {
    actor = by;
    try {
      return await action();
    } finally {
      actor = START_UP;
    }
  }

  /** Runs after everything that was asked for before, whether that went well or not. */
  function inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const turn = last.then(action, action);
    last = turn.catch(() => undefined);
    return turn;
  }

  return {
    run: (name, edge, by = '') => inTurn(() => as(by, () => step(moduleOf(name), edge))),
    restore: (name, version, by) => inTurn(() => as(by, () => restore(moduleOf(name), version))),
    diff: (name, against) => moduleDiff({ db, plane, checkRules, history, inForce }, moduleOf(name), against),
    loadUser: (username, by) => inTurn(() => as(by, () => publishUser(username))),
    history,
    startUp: (options) =>
      inTurn(async () => {
        startingUp = true;
        try {
          return await startUp({ db: dependencies.db, configFile, logger, promote: step }, options);
        } finally {
          startingUp = false;
        }
      }),
    runtimeContents,
    checksums,
    get adminVariables() {
      return adminVariables;
    },
    setAdminVariable: (name, value) =>
      inTurn(async () => {
        const values = { ...adminVariables, [name]: value };
        await onAdminVariables(values);
        adminVariables = values;
      }),
  };
}

function isTableModule(module: ConfigModule): module is TableModule {
  return module.kind === 'tables';
}

function tableNames(module: TableModule): readonly string[] {
  return module.tables.map(({ name }) => name);
}

function storedRows(table: string): (view: RuntimeView) => readonly TableRow[] {
  return ({ stored }) => stored.get(table) ?? [];
}

function moduleOf(name: ModuleName): ConfigModule {
  const module = MODULES.find((candidate) => candidate.name === name);
  if (module === undefined) throw new PromotionRefused(`Unknown module ${name}`);
  return module;
}

function report(logger: Logger, module: ConfigModule, edge: Edge, problems: readonly Problem[]): void {
  for (const problem of problems.slice(0, PROBLEMS_LOGGED_MAX)) {
    logger.warn({ module: module.name, edge, table: problem.table, key: problem.key }, formatProblem(problem));
  }
  const more = problems.length - PROBLEMS_LOGGED_MAX;
  if (more > 0) logger.warn({ module: module.name, edge }, `… and ${more} more problems`);
}
