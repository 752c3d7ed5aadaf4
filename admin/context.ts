/**
 * What commands work with: the parts of the admin plane, and the session that speaks. Types only.
 */

import type { MysqlModule } from '../runtime/mysql-module.ts';
import type { DataPlane } from '../runtime/plane.ts';
import type { Problem } from '../runtime/problem.ts';
import type { Logger } from '../src/observe/logger.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { AdminDatabase } from './db/open.ts';
import type { AdminRole } from './grammar/statement.ts';
import type { Promotion } from './promotion.ts';
import type { LargeReader } from './reader/large-reader.ts';
import type { OpenSessions } from './session/open-sessions.ts';
import type { StatsRefresher } from './stats/refresh.ts';
import type { HistoryRecorder } from './stats-history/recorder.ts';

/** How the process is to end; after `restart` it begins anew. */
export type ShutdownMode = 'fast' | 'slow' | 'kill' | 'restart';

/** What the operator can ask of the process as a whole. */
export interface ProcessControl {
  /** The connection that asked gets no answer, as in ProxySQL. */
  shutdown(mode: ShutdownMode): void;
  /** Reads the certificate again, for logins from now on. Rejects with a sentence when it cannot be used. */
  reloadTls(): Promise<void>;
  /** Whether clients are served. */
  readonly mysqlModule: Pick<MysqlModule, 'start' | 'stop' | 'pause' | 'resume' | 'paused'>;
}

export interface AdminContext {
  readonly db: AdminDatabase;
  readonly promotion: Promotion;
  readonly plane: DataPlane;
  readonly stats: StatsRefresher;
  readonly reader: LargeReader;
  readonly history: HistoryRecorder;
  readonly audit: AuditLog;
  readonly sessions: OpenSessions;
  readonly logger: Logger;
  readonly process: ProcessControl;
}

/** One login. */
export interface SessionContext {
  readonly username: string;
  readonly role: AdminRole;
  /** Address without the port; `localhost` for a Unix socket. */
  readonly clientAddress: string;
  /** Aborted when nobody wants the answer of the running statement any more. */
  signal?: AbortSignal | undefined;
  /** What SHOW WARNINGS tells: the problems of the last statement. */
  warnings: readonly Problem[];
}
