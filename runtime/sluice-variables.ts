/**
 * Every `sluice-` variable, without the prefix: what sluice has beyond ProxySQL, so that `mysql-` and `admin-` variables
 * stay ProxySQL's to the letter. Type, default, range and a sentence for docs/OPERATIONS.md, which a test compares.
 * A new variable is a line here; workers read it as `runtime.sluice.<camelCase>` (variables.ts). Nothing here is a current
 * value.
 */
import { bool, int, oneOf, text, type VariableSpec } from './variable-spec.ts';

const ACTS = { effect: 'yes' } as const;

/** A variable and what it does, for the operator's table. */
export type DescribedSpec = VariableSpec & { readonly description: string };

function described<Spec extends VariableSpec>(spec: Spec, description: string): Spec & { description: string } {
  return { ...spec, description };
}

export const SLUICE_VARIABLES = {
  strict: described(
    bool(true, ACTS),
    'SET of an unknown variable or a bad value is an error, and LOAD … TO RUNTIME counts warnings; off: silence, and the manners of ProxySQL towards clients, clear-text passwords without TLS among them (docs/COMPATIBILITY.md)',
  ),
  pipelining: described(
    bool(true, ACTS),
    'statements of several clients may be under way on one connection to a server',
  ),
  busy_poll: described(
    int(200, 0, 1000, ACTS),
    'how long a worker that works for one client at the time may wait awake for the next answer or command, in µs; 0: it sleeps at once. Quicker for that client, and costs processor time; where waiting mostly is in vain, or there is but one processor, it is not done',
  ),
  query_attributes: described(
    bool(false, ACTS),
    'clients of MySQL 8 and later may send query attributes, which go on to servers that take them (MySQL 8.0.23); servers of fast_forward users must',
  ),
  query_annotations: described(
    bool(true, ACTS),
    'comments in front of a statement such as `/* hostgroup=1 */` are obeyed as ProxySQL does',
  ),
  check_schemas: described(
    bool(true, ACTS),
    "a login with a schema, USE and COM_INIT_DB are refused when the servers of the user's default hostgroup, and of those that query rules name for it, have no such schema for it; off, and with `sluice-strict` off: the next statement is, as in ProxySQL. Where schemas are only in hostgroups that comments name, it has to be off",
  ),
  masking_default_policy: described(
    oneOf('exempt', ['exempt', 'masked', 'deny'], ACTS),
    'what masking does with a user that mysql_masking_users does not name',
  ),
  masking_hash_key: described(
    text('', 'any', ACTS),
    'secret key of the mask `hash`; without it columns with that mask are masked in full',
  ),
  masking_hide_indexes: described(
    oneOf('all', ['all', 'leading', 'off'], ACTS),
    'which indexes of protected columns servers are kept from using for masked users, so that rows do not come in their order: all, those that begin with such a column, none',
  ),
  masking_catalog_username: described(
    text('', 'any', ACTS),
    "user that reads the servers' catalog of tables, views, routines and triggers for masking; empty: each masked user reads its own",
  ),
  masking_catalog_password: described(text('', 'any', ACTS), 'clear password of that user'),
  masking_catalog_interval: described(
    int(10_000, 100, 86_400_000, ACTS),
    'how old that catalog may be before it is read again, in ms; a DDL statement that comes through sluice makes it old at once',
  ),
  masking_definitions_interval: described(
    int(250, 0, 3_600_000, ACTS),
    'how often servers are asked whether definitions were changed past sluice while masked users are at work, in ms; 0: never',
  ),
  masking_catalog_timeout: described(
    int(3_000, 10, 60_000, ACTS),
    'how long a statement of a masked user may wait for the catalog, in ms; then it is refused',
  ),
  masking_refusals_per_minute: described(
    int(20, 1, 1_000_000, ACTS),
    'refusals of one user within a minute after which a possible attack is logged, once a minute',
  ),
  admin_roles: described(
    text('', 'roles', ACTS),
    'rights of accounts in admin-admin_credentials: `name=users-only;name=read-only`; who is not named may do everything',
  ),
  admin_read_timeout: described(
    int(60_000, 10, 86_400_000, ACTS),
    'how long a SELECT on the admin port that is not small may take, in ms; then it is ended with error 3024',
  ),
  audit_log_file: described(
    text('admin-audit.log', 'log-file', ACTS),
    'where admin statements that change something are written, in the data directory unless it is an absolute path; empty: nowhere',
  ),
  audit_log_size: described(
    int(104_857_600, 65_536, 1_073_741_824, ACTS),
    'bytes after which the audit log begins a new file',
  ),
  audit_log_files: described(int(10, 0, 1000, ACTS), 'older files of the audit log that are kept'),
} as const satisfies Record<string, DescribedSpec>;

/** Name of a `sluice-` variable, without the prefix. */
export type SluiceVariableName = keyof typeof SLUICE_VARIABLES;
