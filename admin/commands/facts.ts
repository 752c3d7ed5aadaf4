/**
 * Answers to questions about the session itself, as the functions of a MySQL server would give them.
 */

import type { AdminContext, SessionContext } from '../context.ts';
import type { SessionFact } from '../grammar/statement.ts';
import type { AdminReply } from '../reply.ts';
import { isStrict } from '../strict.ts';
import { announcedVersion } from '../variables/admin-spec.ts';
import { isReadOnly } from './passthrough.ts';

export function answerFact(
  context: AdminContext,
  session: SessionContext,
  { fact, columns }: { readonly fact: SessionFact; readonly columns: readonly string[] },
): AdminReply {
  const rows = [valuesOf(context, session, fact, columns)];
  // ProxySQL answers these two by packets that say nothing of backslashes; clients quote by what the last answer said.
  const unusual = !isStrict(context) && (fact === 'read-only-number' || fact === 'read-only-word');
  return { kind: 'rows', columns, rows, ...(unusual ? { packets: fact } : {}) };
}

function valuesOf(
  context: AdminContext,
  { username, clientAddress, role }: SessionContext,
  fact: SessionFact,
  columns: readonly string[],
): readonly string[] {
  const version = announcedVersion(isStrict(context));
  switch (fact) {
    case 'version':
      // SHOW VARIABLES names what it shows.
      return columns.length === 2 ? ['version', version] : [version];
    case 'version-and-comment':
      return [`${version} Admin Module`];
    case 'user':
      return [`${username}@${clientAddress}`];
    case 'database':
      return [role];
    case 'database-and-user':
      return [role, username];
    case 'read-only-number':
      return [isReadOnly(context) ? '1' : '0'];
    case 'read-only-word':
      return ['read_only', isReadOnly(context) ? 'ON' : 'OFF'];
  }
}
