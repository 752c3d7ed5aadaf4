/**
 * The admin plane without its network: statements go to dispatch() and answers come back as values.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog, type AuditSettings } from '../../../admin/audit/audit-log.ts';
import type { AdminContext, SessionContext } from '../../../admin/context.ts';
import { openAdminDatabase } from '../../../admin/db/open.ts';
import { openHistory } from '../../../admin/db/open-history.ts';
import { dispatch } from '../../../admin/dispatch.ts';
import { createPromotion } from '../../../admin/promotion.ts';
import { LargeReader } from '../../../admin/reader/large-reader.ts';
import type { AdminReply } from '../../../admin/reply.ts';
import { OpenSessions } from '../../../admin/session/open-sessions.ts';
import { createStatsRefresher } from '../../../admin/stats/refresh.ts';
import { HistoryWriter } from '../../../admin/stats-history/history-writer.ts';
import { HistoryRecorder } from '../../../admin/stats-history/recorder.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { decodeRows } from './decode-rows.ts';
import { FakePlane } from './fake-plane.ts';
import { FakeProcess } from './fake-process.ts';

/** An admin user's session, fresh. */
export function adminSession(changes: Partial<SessionContext> = {}): SessionContext {
  return { username: 'admin', role: 'admin', clientAddress: '127.0.0.1', warnings: [], ...changes };
}

export class DispatchStage {
  readonly dataDir: string;
  readonly plane: FakePlane;
  readonly context: AdminContext;
  readonly process: FakeProcess;
  session: SessionContext = adminSession();
  auditSettings: AuditSettings = { file: 'audit.log', sizeMax: 1_000_000, filesMax: 2 };

  private constructor(dataDir: string, plane: FakePlane, context: AdminContext, process: FakeProcess) {
    this.dataDir = dataDir;
    this.plane = plane;
    this.context = context;
    this.process = process;
  }

  static async start(): Promise<DispatchStage> {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-admin-stage-'));
    const db = openAdminDatabase({ dataDir, initial: false });
    const plane = new FakePlane();
    const logger = silentLogger();
    const process = new FakeProcess(plane);
    const promotion = createPromotion({
      db,
      plane,
      configFile: undefined,
      logger,
      checkRules: () => [],
      onAdminVariables: async () => undefined,
    });
    await promotion.startUp({ initial: false, reload: false });
    const stats = createStatsRefresher({
      plane,
      nowMs: () => 1000,
      showsOwnCounters: () => true,
      facts: () => ({ serversVersion: 0, sqliteBytes: 0 }),
    });
    const audit = new AuditLog({ dataDir, logger, settings: () => stage.auditSettings });
    const history = new HistoryRecorder({
      writer: new HistoryWriter(openHistory(dataDir)),
      plane,
      logger,
      variables: () => ({}),
      figures: (table) => stats.figures(table),
    });
    const reader = new LargeReader();
    const context: AdminContext = {
      db,
      plane,
      promotion,
      logger,
      audit,
      stats,
      reader,
      history,
      sessions: new OpenSessions(),
      process,
    };
    const stage: DispatchStage = new DispatchStage(dataDir, plane, context, process);
    return stage;
  }

  async stop(): Promise<void> {
    await this.context.audit.close();
    this.context.reader.close();
    await this.context.history.close();
    this.context.db.close();
    rmSync(this.dataDir, { recursive: true });
  }

  run(sql: string, session: SessionContext = this.session): Promise<AdminReply> {
    return dispatch(this.context, session, sql);
  }

  /** Runs statements that have to succeed. */
  async all(...statements: readonly string[]): Promise<void> {
    for (const sql of statements) {
      const reply = await this.run(sql);
      if (reply.kind === 'error') assert.fail(`${sql}: ${reply.error.message}`);
    }
  }

  async rows(sql: string, session: SessionContext = this.session): Promise<readonly (readonly unknown[])[]> {
    const reply = await this.run(sql, session);
    if (reply.kind === 'encoded') return decodeRows(reply);
    if (reply.kind !== 'rows') assert.fail(`${sql}: ${JSON.stringify(reply)}`);
    return reply.rows;
  }

  /** `code sqlstate message` of a refusal. */
  async error(sql: string, session: SessionContext = this.session): Promise<string> {
    const reply = await this.run(sql, session);
    if (reply.kind !== 'error') assert.fail(`${sql}: ${JSON.stringify(reply)}`);
    return `${reply.error.code} ${reply.error.sqlState} ${reply.error.message}`;
  }
}
