/**
 * The list of modules. A new module is a file beside this one and a line here.
 */
import { adminVariables } from './admin-variables.ts';
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
] as const;

/** The name of a module as it stands in SQL, e.g. `MYSQL USERS`. */
export type ModuleName = (typeof LIST)[number]['name'];

export const MODULES: readonly ConfigModule[] = LIST;

/** Names only, for the grammar of LOAD and SAVE. */
export const MODULE_NAMES: readonly ModuleName[] = LIST.map(({ name }) => name);
