/**
 * PROXYSQL COREDUMP and LOGENTRY: what the process leaves behind for people who look into it.
 *
 * ProxySQL writes an image of its memory, passwords and all. Node cannot, and nobody should carry such a file around: it
 * is Node's own report instead (stacks, heap sizes, handles), without the environment.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { writePrivateFile } from '../../src/util/private-file.ts';
import type { AdminContext, SessionContext } from '../context.ts';
import { type AdminReply, adminError, okReply } from '../reply.ts';

export interface ReportOrder {
  /** Not said: a name in the working directory. */
  readonly path: string | undefined;
  readonly compressed: boolean;
}

export async function writeReport(context: AdminContext, order: ReportOrder): Promise<AdminReply> {
  const path = order.path ?? `core.${process.pid}.${Date.now()}${order.compressed ? '.gz' : ''}`;
  const report = process.report.getReport() as unknown as Record<string, unknown>;
  // It may hold passwords.
  report.environmentVariables = {};
  const text = JSON.stringify(report, undefined, 2);
  try {
    await writePrivateFile(path, order.compressed ? await promisify(gzip)(text) : text);
  } catch (error) {
    context.logger.warn({ err: error, path }, 'the report could not be written');
    return adminError(`Cannot open file ${path}`);
  }
  return { kind: 'ok', info: `Coredump: ${path}` };
}

/** The text goes to the log as it is; the log's own form keeps it in one line. */
export function logEntry(context: AdminContext, session: SessionContext, text: string): AdminReply {
  context.logger.info({ user: session.username, entry: text }, 'LOGENTRY');
  return okReply();
}
