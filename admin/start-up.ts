/**
 * The order in which the layers are filled at start-up (as ProxySQL: disk wins, unless the config file is asked for).
 * It does not open the database and starts no listener.
 */
import type { Logger } from '../src/observe/logger.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import type { Edge, PromotionDatabase, PromotionResult } from './layers.ts';
import { MODULES } from './modules/index.ts';
import type { ConfigModule } from './modules/module.ts';
import { copyVariables, writeVariables } from './table-store.ts';
import { VARIABLES } from './variables/spec.ts';

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

/** Rejects when the config file counts and cannot be parsed, or when the first publish fails. */
export async function startUp(dependencies: StartUpDependencies, options: StartUpOptions): Promise<void> {
  const { db, configFile, logger, promote } = dependencies;
  const all = (edge: Edge): Promise<void> => inOrder(MODULES, (module) => promote(module, edge));

  const defaults = VARIABLES.map(({ name, defaultText }) => ({ name, value: defaultText }));
  for (const schema of ['disk', 'main'] as const) writeVariables(db.handle, schema, defaults, { keepExisting: true });
  await all('disk>memory');
  // Variables of families sluice does not have are kept in memory, too.
  copyVariables(db.handle, 'disk', 'main', '');

  if (configFile !== undefined && (options.initial || options.reload || db.diskWasCreated)) {
    logger.info({ file: configFile.path }, 'reading the config file');
    await all('config>memory');
    await all('memory>disk');
  }
  await inOrder(runtimeOrder(), (module) => promote(module, 'memory>runtime'));
}

/** Variables first, the admin plane's own before the data plane's: what follows is read in their light. */
function runtimeOrder(): readonly ConfigModule[] {
  const rank = (module: ConfigModule): number => {
    if (module.kind === 'tables') return 2;
    return module.prefix === 'admin-' ? 0 : 1;
  };
  return [...MODULES].sort((a, b) => rank(a) - rank(b));
}

async function inOrder(
  modules: readonly ConfigModule[],
  action: (module: ConfigModule) => Promise<unknown>,
): Promise<void> {
  for (const module of modules) await action(module);
}
