/**
 * Objects of the servers themselves that show values of tables, or texts of other sessions' statements with the literals
 * in them. Lists with reasons; who asks decides.
 */
import { fold } from './identifiers.ts';

/** Per system schema the tables whose rows hold such values; a name that ends in `*` stands for all that begin so. */
const VALUE_BEARING: Readonly<Record<string, readonly string[]>> = {
  // Least and greatest values, histograms; logs of statements.
  mysql: ['column_stats', 'column_statistics', 'general_log', 'slow_log'],
  information_schema: [
    // Sampled values.
    'column_statistics',
    // Words of full-text indexes.
    'innodb_ft_index_cache',
    'innodb_ft_index_table',
    // Texts of statements, and the values a lock is held on.
    'processlist',
    'innodb_trx',
    'innodb_locks',
    'optimizer_trace',
    'query_cache_info',
    'query_response_time_*',
  ],
  performance_schema: [
    'events_statements_*',
    'prepared_statements_instances',
    'threads',
    'processlist',
    'data_locks',
    'user_variables_by_thread',
    'error_log',
    'replication_applier_status_by_*',
  ],
  sys: [
    'processlist',
    'x$processlist',
    'session',
    'x$session',
    'statement*',
    'x$statement*',
    'innodb_lock_waits',
    'x$innodb_lock_waits',
    'schema_table_lock_waits',
    'x$schema_table_lock_waits',
    'x$ps_digest*',
    'latest_file_io',
    'x$latest_file_io',
  ],
};

/** Functions that read files of the server, or statements of other sessions. */
const VALUE_BEARING_FUNCTIONS: ReadonlySet<string> = new Set(['load_file', 'ps_thread_trx_info', 'ps_thread_stack']);

export const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(Object.keys(VALUE_BEARING));

export function isSystemSchema(schema: string): boolean {
  // Asked for every statement, and mostly about the same one as before.
  if (schema !== lastSchema) {
    lastIsSystem = SYSTEM_SCHEMAS.has(fold(schema));
    lastSchema = schema;
  }
  return lastIsSystem;
}

let lastSchema = '';
let lastIsSystem = false;

/** The table of a system schema shows values or statements of others. */
export function isValueBearing(schema: string, table: string): boolean {
  const name = fold(table);
  const listed = VALUE_BEARING[fold(schema)] ?? [];
  return listed.some((entry) => (entry.endsWith('*') ? name.startsWith(entry.slice(0, -1)) : name === entry));
}

const ANYWHERE = Object.values(VALUE_BEARING).flat();
const NAMES_ANYWHERE: ReadonlySet<string> = new Set(ANYWHERE.filter((entry) => !entry.endsWith('*')));
const PREFIXES_ANYWHERE = [...new Set(ANYWHERE.filter((entry) => entry.endsWith('*')).map((it) => it.slice(0, -1)))];

/** As {@link isValueBearing}, for a folded name whose schema is not known. */
export function isValueBearingAnywhere(name: string): boolean {
  return NAMES_ANYWHERE.has(name) || PREFIXES_ANYWHERE.some((prefix) => name.startsWith(prefix));
}

export function isValueBearingFunction(name: string): boolean {
  return VALUE_BEARING_FUNCTIONS.has(fold(name));
}

/** Words that a statement with such an object has somewhere: folded names. */
export const SYSTEM_WORDS: readonly string[] = [
  ...SYSTEM_SCHEMAS,
  ...VALUE_BEARING_FUNCTIONS,
  'warning_count',
  'error_count',
];
