/**
 * Composition of the admin plane: databases, promotion, statistics and the admin port, put together and started.
 * It holds no rules of its own; src/main.ts starts it.
 */
import type { DataPlane } from '../runtime/plane.ts';
import type { Problem } from '../runtime/problem.ts';
import type { VariableValues } from '../runtime/snapshot.ts';
import { readSluiceVariables } from '../runtime/variables.ts';
import { parseInterfaces } from '../src/net/listener.ts';
import type { TlsIdentity } from '../src/net/tls.ts';
import type { Logger } from '../src/observe/logger.ts';
import { AuditLog, type AuditSettings } from './audit/audit-log.ts';
import { describeStatement } from './commands/describe.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import type { AdminContext, ProcessControl } from './context.ts';
import { readAccounts } from './credentials.ts';
import { memoryBytes, openAdminDatabase } from './db/open.ts';
import { openHistory } from './db/open-history.ts';
import { loadUuid } from './db/uuid.ts';
import { dispatch } from './dispatch.ts';
import type { CheckRules } from './modules/module.ts';
import { createPromotion } from './promotion.ts';
import { LargeReader } from './reader/large-reader.ts';
import { createAdminServer } from './server.ts';
import { OpenSessions } from './session/open-sessions.ts';
import { createStatsRefresher } from './stats/refresh.ts';
import { HistoryWriter } from './stats-history/history-writer.ts';
import { HistoryRecorder } from './stats-history/recorder.ts';
import { isStrict } from './strict.ts';

export type { ProcessControl, ShutdownMode } from './context.ts';

export interface AdminPlaneOptions {
  readonly dataDir: string;
  /** Read when it counts (`initial`, `reload`, no database yet) and at LOAD … FROM CONFIG. */
  readonly configFile: ConfigFile | undefined;
  readonly initial: boolean;
  readonly reload: boolean;
  /** Of this installation; by default the stored one. */
  readonly uuid?: string | undefined;
  /** Path of a Unix socket to listen on besides admin-mysql_ifaces. */
  readonly adminSocket?: string | undefined;
  readonly plane: DataPlane;
  readonly logger: Logger;
  /** The certificate of the moment. */
  readonly tls: () => TlsIdentity | undefined;
  readonly checkRules: CheckRules;
  /** PROXYSQL SHUTDOWN and its kin. */
  readonly process: ProcessControl;
}

export interface AdminPlane {
  readonly uuid: string;
  /** What was wrong with the configuration at start-up; logged already. */
  readonly startUpProblems: readonly Problem[];
  /** Where the admin port listens: `host:port` or a path. */
  adminAddresses(): readonly string[];
  /** Ends the admin sessions and closes the databases. */
  close(): Promise<void>;
}

/**
 * Starts the plane; when it resolves, the runtime is published and the admin port listens. Rejects when the database
 * cannot be opened, the config file that counts cannot be parsed, or an interface cannot be opened.
 */
export async function startAdminPlane(options: AdminPlaneOptions): Promise<AdminPlane> {
  const { plane, logger } = options;
  const db = openAdminDatabase(options);
  try {
    for (const { severity, text } of db.notes) logger[severity](text);
    const uuid = loadUuid(db.handle, options.uuid);
    const promotion = createPromotion({ ...options, db, onAdminVariables: listenWhere });
    const stats = createStatsRefresher({
      plane,
      nowMs: () => performance.now(),
      showsOwnCounters: () => isStrict({ plane }),
      facts: () => ({
        serversVersion: promotion.checksums.versionOf('mysql_servers'),
        sqliteBytes: memoryBytes(db.handle),
      }),
    });
    const audit = new AuditLog({ dataDir: options.dataDir, logger, settings: () => auditSettings(plane) });
    const reader = new LargeReader();
    const history = new HistoryRecorder({
      writer: new HistoryWriter(openHistory(options.dataDir)),
      plane,
      logger,
      variables: () => promotion.adminVariables,
      figures: (table) => stats.figures(table),
    });
    const context: AdminContext = {
      db,
      promotion,
      plane,
      stats,
      reader,
      history,
      audit,
      sessions: new OpenSessions(),
      logger,
      process: options.process,
    };
    const server = createAdminServer({
      logger,
      sessions: context.sessions,
      tls: options.tls,
      dispatch: (session, sql, parameters) => dispatch(context, session, sql, parameters),
      describe: (session, sql) => describeStatement(context, session, sql),
      onBug: (error) => logger.error({ err: error }, 'a bug ended an admin session'),
      runsAllStatements: () => isStrict(context),
      statistics: () => `Uptime: ${Math.trunc(stats.uptimeS())} Threads: 0  Questions: 0  Slow queries: 0`,
      onConnection: () => void plane.order({ kind: 'skip-session-id' }),
      accounts: () => readAccounts(promotion.adminVariables, plane.current.mysqlVariables),
      serverVersion: () => plane.current.mysqlVariables.server_version ?? '8.0.11',
      defaultAuthPlugin: () =>
        plane.current.mysqlVariables.default_authentication_plugin === 'caching_sha2_password'
          ? 'caching_sha2_password'
          : 'mysql_native_password',
    });

    /** Called by every LOAD ADMIN VARIABLES TO RUNTIME, and once at start-up. */
    async function listenWhere({ mysql_ifaces: interfaces = '' }: VariableValues): Promise<void> {
      try {
        await server.rebind(parseInterfaces([interfaces, options.adminSocket ?? ''].join(';')));
      } catch (error) {
        throw new Error(`admin-mysql_ifaces: ${(error as Error).message}`, { cause: error });
      }
    }

    const startUpProblems = await promotion.startUp(options);
    logger.info({ addresses: server.addresses, uuid }, 'the admin port listens');
    return {
      uuid,
      startUpProblems,
      adminAddresses: () => server.addresses,
      async close() {
        await server.close();
        reader.close();
        await history.close();
        await audit.close();
        db.close();
      },
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

function auditSettings(plane: DataPlane): AuditSettings {
  const { auditLogFile, auditLogSize, auditLogFiles } = readSluiceVariables(plane.current.sluiceVariables);
  return { file: auditLogFile, sizeMax: auditLogSize, filesMax: auditLogFiles };
}
