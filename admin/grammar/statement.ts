/**
 * AdminStatement: what a text on the admin port asks for, as data. classify.ts makes them, dispatch.ts carries them out.
 */
import type { RouteQuestion } from '../../runtime/route.ts';
import type { Edge } from '../layers.ts';
import type { ModuleName } from '../modules/index.ts';

/** Who is asking: an admin user, or one that may look at statistics only. */
export type AdminRole = 'admin' | 'stats';

/** Questions whose answer depends on the session or the settings. */
export type SessionFact =
  | 'version'
  | 'version-and-comment'
  | 'user'
  | 'database'
  | 'database-and-user'
  | 'read-only-number'
  | 'read-only-word';

export type AdminStatement =
  /** For SQLite: the text as it came, or the SQL that stands for a SHOW form. */
  | { readonly kind: 'sql'; readonly sql: string }
  | { readonly kind: 'promote'; readonly module: ModuleName; readonly edge: Edge }
  /** Accepted and of no effect, such as BEGIN: there are no transactions on the admin port. */
  | { readonly kind: 'ok'; readonly info?: string }
  /** SET of a configuration variable; `value` is SQL. */
  | { readonly kind: 'set'; readonly name: string; readonly value: string }
  | {
      readonly kind: 'rows';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly (string | null)[])[];
    }
  | { readonly kind: 'fact'; readonly fact: SessionFact; readonly columns: readonly string[] }
  | { readonly kind: 'show-create-table'; readonly schema: string; readonly table: string }
  | { readonly kind: 'show-fields'; readonly table: string }
  | { readonly kind: 'show-table-status'; readonly table: string }
  | { readonly kind: 'show-warnings'; readonly countOnly: boolean }
  /** CHECKSUM of a table, or of the variables of the data plane. */
  | { readonly kind: 'checksum'; readonly label: string; readonly sql: string }
  | { readonly kind: 'global-checksum' }
  | { readonly kind: 'show-diff' | 'show-runtime-history'; readonly modules: readonly ModuleName[] }
  | { readonly kind: 'load-from-history'; readonly module: ModuleName; readonly version: number }
  | { readonly kind: 'explain-route'; readonly question: RouteQuestion; readonly json: boolean }
  | { readonly kind: 'truncate-digests' }
  /** SAVE MYSQL DIGEST TO DISK. */
  | { readonly kind: 'save-digests' }
  /** SHOW PROMETHEUS METRICS. */
  | { readonly kind: 'prometheus' }
  | { readonly kind: 'proxysql'; readonly action: ProxysqlAction }
  /** One row of mysql_users to the runtime; the others stay as they are there. */
  | { readonly kind: 'load-user'; readonly username: string }
  /** Variables of a module that is not there, between memory and disk. */
  | { readonly kind: 'copy-variables'; readonly prefix: string; readonly edge: 'disk>memory' | 'memory>disk' }
  /** Memory as a config file, to a file or as a row. */
  | { readonly kind: 'export-config'; readonly path: string; readonly spelled: 'save' | 'select' }
  | { readonly kind: 'config-text' }
  | { readonly kind: 'diagnostic-report'; readonly path: string | undefined; readonly compressed: boolean }
  | { readonly kind: 'kill-connection'; readonly sessionId: number }
  /** Of an admin session. */
  | { readonly kind: 'kill-query'; readonly sessionId: number }
  | { readonly kind: 'pull-version'; readonly version: number; readonly timeoutS: number }
  | { readonly kind: 'log-entry'; readonly text: string }
  /** The connection ends without an answer. */
  | { readonly kind: 'hang-up' }
  /** Without a code it is 1045 28000, as nearly all errors of ProxySQL's admin port are. */
  | { readonly kind: 'refuse'; readonly message: string; readonly code?: number; readonly sqlState?: string };

export type ProxysqlAction =
  | 'shutdown'
  | 'shutdown-slow'
  | 'kill'
  | 'restart'
  | 'start'
  | 'stop'
  | 'pause'
  | 'resume'
  | 'readonly'
  | 'readwrite'
  | 'reload-tls'
  | 'flush-logs'
  | 'flush-query-cache'
  | 'flush-client-hosts'
  | 'flush-configdb';

/** One form of statement. */
export interface Pattern {
  /** Matched against the collapsed text. */
  readonly when: RegExp;
  readonly is: AdminStatement | ((match: RegExpExecArray, strict: boolean) => AdminStatement | undefined);
  /** Only for admin users; for stats users the text goes to SQLite, which finds a syntax error in it. */
  readonly adminOnly?: true;
  /** ProxySQL does not know it: SQLite gets the text while sluice-strict is off. */
  readonly strictOnly?: true;
}
