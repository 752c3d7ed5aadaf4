/**
 * CHECKSUM and SELECT GLOBAL_CHECKSUM(): what monitoring scripts and cluster peers compare.
 */
import { rowsChecksum, shortText } from '../checksums/raw-checksum.ts';
import type { AdminContext } from '../context.ts';
import { executeSql } from '../db/execute.ts';
import type { AdminStatement } from '../grammar/statement.ts';
import type { AdminReply } from '../reply.ts';

type Checksum = Extract<AdminStatement, { kind: 'checksum' }>;

export async function tableChecksum(context: AdminContext, { label, sql }: Checksum): Promise<AdminReply> {
  const result = executeSql(context.db.handle, sql);
  const checksum = await rowsChecksum(result.kind === 'rows' ? result.rows : []);
  return { kind: 'rows', columns: ['table', 'checksum'], rows: [[label, shortText(checksum)]] };
}

export async function globalChecksum({ promotion }: AdminContext): Promise<AdminReply> {
  const checksum = await promotion.checksums.global();
  return { kind: 'rows', columns: ['CHECKSUM'], rows: [[String(checksum)]], packets: 'global-checksum' };
}
