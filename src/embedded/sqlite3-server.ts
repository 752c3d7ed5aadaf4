/**
 * `--sqlite3-server`: ProxySQL's extra listener that answers MySQL clients from a SQLite file, for the users of
 * mysql_users. It is an embedded server with one schema, `main`; it knows nothing of where the users come from.
 */
import { join } from 'node:path';
import { createEmbeddedServer, type EmbeddedServer } from './embedded-server.ts';

/** ProxySQL's default of sqliteserver-mysql_ifaces. */
export const SQLITE3_SERVER_ADDRESS = { host: '127.0.0.1', port: 6030 } as const;

/** ProxySQL's name of the file in the data directory. */
const FILE_NAME = 'sqlite3server.db';

export interface Sqlite3ServerOptions {
  readonly dataDir: string;
  readonly passwordOf: (username: string) => string | undefined;
  readonly address?: { readonly host: string; readonly port: number };
}

/** Starts it. Rejects when the port is taken or the file cannot be opened. */
export function startSqlite3Server(options: Sqlite3ServerOptions): Promise<EmbeddedServer> {
  return createEmbeddedServer({
    ...(options.address ?? SQLITE3_SERVER_ADDRESS),
    name: 'sqlite3-server',
    schemas: { main: { file: join(options.dataDir, FILE_NAME) } },
    passwordOf: options.passwordOf,
  });
}
