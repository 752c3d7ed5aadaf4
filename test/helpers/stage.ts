/**
 * What most end-to-end tests play on: MariaDB servers with one application account, and a sluice in front of them.
 * It holds no expectation.
 */
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { type DatabaseServer, startMariadbs } from './mariadb.ts';
import { type ConfigRow, type SluiceOptions, SluiceProcess } from './sluice-process.ts';

export interface StageOptions extends Omit<SluiceOptions, 'servers'> {
  /** How many MariaDB servers; all in hostgroup 0, unless `hostgroups` says otherwise. */
  readonly databases?: number;
  /** Hostgroup of each server, by position. */
  readonly hostgroups?: readonly number[];
  /** Further columns of every row of mysql_servers. */
  readonly serverColumns?: ConfigRow;
  /** Statements run on each server as root. */
  readonly setup?: readonly string[];
  /** More options of mariadbd. */
  readonly databaseArgs?: readonly string[];
}

/** The account every stage has, on the servers and in mysql_users; it may do anything. */
export const APP = { user: 'app', password: 'app' } as const;

/** Creates an account with all rights on a server, with the password in clear text. */
export function accountSql(user: string, password: string): string[] {
  return [`CREATE USER '${user}'@'%' IDENTIFIED BY '${password}'`, `GRANT ALL ON *.* TO '${user}'@'%'`];
}

export class Stage {
  readonly sluice: SluiceProcess;
  readonly databases: readonly DatabaseServer[];

  private constructor(sluice: SluiceProcess, databases: readonly DatabaseServer[]) {
    this.sluice = sluice;
    this.databases = databases;
  }

  static async start(options: StageOptions = {}): Promise<Stage> {
    const databases = await startMariadbs(options.databases ?? 1, {
      setup: [...accountSql(APP.user, APP.password), 'CREATE DATABASE test', ...(options.setup ?? [])],
      ...(options.databaseArgs !== undefined && { args: options.databaseArgs }),
    });
    try {
      const sluice = await SluiceProcess.start({
        ...options,
        users: [{ username: APP.user, password: APP.password, default_hostgroup: 0 }, ...(options.users ?? [])],
        servers: databases.map((server, index) => ({
          address: server.host,
          port: server.port,
          hostgroup: options.hostgroups?.[index] ?? 0,
          ...options.serverColumns,
        })),
      });
      return new Stage(sluice, databases);
    } catch (error) {
      await Promise.all(databases.map((server) => server.stop()));
      throw error;
    }
  }

  /** The first server, for stages that have one. */
  get database(): DatabaseServer {
    const [first] = this.databases;
    if (first === undefined) throw new Error('the stage has no server');
    return first;
  }

  /** A client of the application account, through sluice. */
  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return this.sluice.connect({ ...APP, database: 'test', ...options });
  }

  /** Runs `use` with a fresh client and ends the client. */
  async withClient<T>(use: (client: Connection) => Promise<T>, options: ConnectionOptions = {}): Promise<T> {
    const client = await this.connect(options);
    try {
      return await use(client);
    } finally {
      client.destroy();
    }
  }

  /** Backend connections in use by sessions, over all servers. */
  async connectionsUsed(): Promise<number> {
    const [row] = await this.sluice.admin('SELECT SUM(ConnUsed) AS used FROM stats_mysql_connection_pool');
    return Number(row?.used ?? 0);
  }

  async stop(): Promise<void> {
    await this.sluice.stop();
    await Promise.all(this.databases.map((server) => server.stop()));
  }
}

/** The first value of the first row, as text; undefined when there is no row. */
export async function scalar(client: Connection, sql: string): Promise<string | null | undefined> {
  const [rows] = await client.query({ sql, rowsAsArray: true });
  const value: unknown = (rows as unknown[][])[0]?.[0];
  return value === null || value === undefined ? value : String(value);
}

/** The rows of a statement as objects. */
export async function rowsOf(client: Connection, sql: string): Promise<Record<string, unknown>[]> {
  const [rows] = await client.query(sql);
  return rows as Record<string, unknown>[];
}

/** The server's own connection id: the plain `SELECT CONNECTION_ID()` is answered by the proxy with the session's. */
export const BACKEND_ID = 'SELECT CONNECTION_ID() + 0';

/** An error as a MySQL client library reports it. */
export interface MysqlError extends Error {
  readonly errno: number;
  readonly sqlState: string;
  readonly code: string;
}

/** Expects the promise to be refused with this number, and returns the error for a look at its text. */
export async function refusal(promise: Promise<unknown>, errno: number): Promise<MysqlError> {
  let answer: unknown;
  try {
    answer = await promise;
  } catch (error) {
    const refused = error as MysqlError;
    if (refused.errno === errno) return refused;
    throw new Error(`expected error ${errno}, got ${refused.errno}: ${refused.message}`, { cause: error });
  }
  throw new Error(`expected error ${errno}, got the answer ${JSON.stringify(answer)?.slice(0, 200)}`);
}
