/**
 * What a command line can ask for, as plain frozen data. It knows neither how the words are read (cli.ts) nor how they
 * are carried out (main.ts, console/, demo/).
 */

/** Where data lives when neither `-D` nor the config file's `datadir` says so (ProxySQL's own default). */
export const DEFAULT_DATA_DIR = '/var/lib/proxysql';

/** Where a config file is looked for without `-c`, in this order (ProxySQL's own order). */
export const CONFIG_FILE_LOOKUP: readonly string[] = [
  'proxysql.cnf',
  'proxysql.cfg',
  '/etc/proxysql.cnf',
  '/etc/proxysql.cfg',
];

/** The proxysql binary's options. `undefined` means: not said on the command line. */
export interface CliOptions {
  /** Accepted for compatibility: sluice always stays in the foreground, as service managers and containers want. */
  readonly foreground: boolean;
  /** `-c`, else the first readable file of CONFIG_FILE_LOOKUP, else undefined (there is none). */
  readonly configFile: string | undefined;
  /** `-D`; when undefined the config file's `datadir` counts, then DEFAULT_DATA_DIR. */
  readonly dataDir: string | undefined;
  /** Set the database on disk aside (proxysql.db.bak) and start from the config file. */
  readonly initial: boolean;
  /** Merge the config file into the database on disk. */
  readonly reload: boolean;
  /** `-n`: start the admin plane only. */
  readonly noStart: boolean;
  /** `-M`: do not start the monitor. */
  readonly noMonitor: boolean;
  /** `-e`: a problem that would normally be logged and survived at start-up ends the process. */
  readonly exitOnError: boolean;
  /** `-S`: path of a Unix socket for the admin interface. */
  readonly adminSocket: string | undefined;
  readonly uuid: string | undefined;
  /** Accepted for compatibility: idle clients cost no thread here. */
  readonly idleThreads: boolean;
  /** Accepted for compatibility: sluice never calls home. */
  readonly noVersionCheck: boolean;
  /** Accepted for compatibility: workers already share one listening socket. */
  readonly reusePort: boolean;
  /** Start the SQLite-backed server on sqliteserver-mysql_ifaces. */
  readonly sqlite3Server: boolean;
  /** Worker processes; 0 serves traffic inside the primary. Undefined: by mysql-threads and the processors. */
  readonly workers: number | undefined;
}

/** How a result set is written by `sluice admin`. */
export const OUTPUT_FORMATS = ['table', 'tsv', 'vertical', 'json'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** How the console gets its password: as a value, or asked for on the terminal. */
export type PasswordSource = { readonly value: string } | 'ask';

/** `sluice admin`. */
export interface ConsoleOptions {
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket; wins over host and port. */
  readonly socketPath: string | undefined;
  readonly user: string;
  readonly password: PasswordSource;
  /** SQL of `-e`; undefined means: interactive on a terminal, a script otherwise. */
  readonly execute: string | undefined;
  /** Undefined: tables on a terminal, tab-separated otherwise. */
  readonly format: OutputFormat | undefined;
  /** Leave out the line of column names. */
  readonly skipColumnNames: boolean;
  /** Go on after a statement that failed. */
  readonly force: boolean;
}

/** `sluice demo`. Port 0 takes any free one. */
export interface DemoOptions {
  /** Undefined: a temporary directory that is removed at the end. */
  readonly dataDir: string | undefined;
  readonly adminPort: number;
  readonly mysqlPort: number;
}

/** A problem of a config file; lines and columns count from 1. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** A warning is reported and does not make the file a bad one. */
  readonly severity: 'error' | 'warning';
}
