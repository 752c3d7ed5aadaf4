/**
 * The order in which the layers are filled at start-up (as ProxySQL: disk wins, unless the config file is asked for).
 * It does not open the database and starts no listener.
 */
import type { Problem } from '../runtime/problem.ts';
import type { Logger } from '../src/observe/logger.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import type { Edge, PromotionDatabase, PromotionResult } from './layers.ts';
import { MODULES } from './modules/index.ts';
import type { ConfigModule } from './modules/module.ts';
import { copyVariables, writeVariables } from './table-store.ts';
import { VARIABLES, type VariablePrefix } from './variables/spec.ts';

export interface StartUpDependencies {
  readonly db: PromotionDatabase;
  readonly configFile: ConfigFile | undefined;
  readonly logger: Logger;
  readonly promote: (module: ConfigModule, edge: Edge) => Promise<PromotionResult>;
}

export interface StartUpOptions {
  readonly initial: boolean;
  readonly reload: boolean;
}

/**
 * Resolves with the problems of all steps; they are logged already. Rejects when the config file counts and cannot be
 * parsed, or when a publish fails.
 */
export async function startUp(dependencies: StartUpDependencies, options: StartUpOptions): Promise<readonly Problem[]> {
  const { db, configFile, logger, promote } = dependencies;
  const problems: Problem[] = [];
  const promoteAll = async (modules: readonly ConfigModule[], edge: Edge): Promise<void> => {
    for (const module of modules) problems.push(...(await promote(module, edge)).problems);
  };

  const defaults = VARIABLES.map(({ name, defaultText }) => ({ name, value: defaultText }));
  for (const schema of ['disk', 'main'] as const) writeVariables(db.handle, schema, defaults, { keepExisting: true });
  await promoteAll(MODULES, 'disk>memory');
  // Variables of families sluice does not have are kept in memory, too.
  copyVariables(db.handle, 'disk', 'main', '');

  if (configFile !== undefined && (options.initial || options.reload || db.diskWasCreated)) {
    logger.info({ file: configFile.path }, 'reading the config file');
    await promoteAll(MODULES, 'config>memory');
    await promoteAll(MODULES, 'memory>disk');
  }
  await promoteAll(runtimeOrder(), 'memory>runtime');
  return problems;
}

/** What comes first is what the rest is read in the light of: our own variables, the admin plane's, the data plane's. */
const VARIABLES_RANK: Readonly<Record<VariablePrefix, number>> = { 'sluice-': 0, 'admin-': 1, 'mysql-': 2 };
const TABLES_RANK = 3;

function runtimeOrder(): readonly ConfigModule[] {
  const rank = (module: ConfigModule): number =>
    module.kind === 'tables' ? TABLES_RANK : VARIABLES_RANK[module.prefix];
  return [...MODULES].sort((a, b) => rank(a) - rank(b));
}
