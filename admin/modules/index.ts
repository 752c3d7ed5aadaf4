/**
 * The list of modules. A new module is a file beside this one and a line here.
 */
import type { Edge } from '../layers.ts';
import { adminVariables } from './admin-variables.ts';
import { coredump } from './coredump.ts';
import type { ConfigModule } from './module.ts';
import { mysqlFirewall } from './mysql-firewall.ts';
import { mysqlMasking } from './mysql-masking.ts';
import { mysqlQueryRules } from './mysql-query-rules.ts';
import { mysqlServers } from './mysql-servers.ts';
import { mysqlUsers } from './mysql-users.ts';
import { mysqlVariables } from './mysql-variables.ts';
import { proxysqlServers } from './proxysql-servers.ts';
import { restapi } from './restapi.ts';
import { scheduler } from './scheduler.ts';
import { sluiceVariables } from './sluice-variables.ts';

const LIST = [
  mysqlUsers,
  mysqlServers,
  mysqlQueryRules,
  mysqlVariables,
  adminVariables,
  sluiceVariables,
  mysqlFirewall,
  mysqlMasking,
  scheduler,
  restapi,
  proxysqlServers,
  coredump,
] as const;

/** The name of a module as it stands in SQL, e.g. `MYSQL USERS`. */
export type ModuleName = (typeof LIST)[number]['name'];

export const MODULES: readonly ConfigModule[] = LIST;

/** For the grammar of LOAD and SAVE: the modules by what can be done with them. */
export function modulesWith(edge: Edge): readonly ModuleName[] {
  return LIST.filter((module: ConfigModule) => module.edges?.includes(edge) ?? true).map(({ name }) => name);
}

/** The modules that LOAD … TO RUNTIME knows, which are all. */
export const MODULE_NAMES: readonly ModuleName[] = LIST.map(({ name }) => name);
