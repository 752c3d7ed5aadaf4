/**
 * SHOW DIFF, SHOW RUNTIME HISTORY, LOAD … FROM HISTORY: look before you leap, and the way back.
 */
import type { AdminContext, SessionContext } from '../context.ts';
import type { SqlCell } from '../db/execute.ts';
import type { DiffSide } from '../diff/module-diff.ts';
import type { ModuleName } from '../modules/index.ts';
import type { AdminReply } from '../reply.ts';
import { actorOf, answerPromotion } from './load-save.ts';

/** Lines SHOW DIFF answers with for one module and side; the rest is counted. */
export const diffLinesMax = 10_000;

const SIDES: readonly DiffSide[] = ['runtime', 'disk'];

/** Of all modules when none is named. No line means no difference. */
export function showDiff({ promotion }: AdminContext, modules: readonly ModuleName[]): AdminReply {
  const rows: SqlCell[][] = [];
  for (const module of modules) {
    for (const side of SIDES) {
      const { rows: differences, problems } = promotion.diff(module, side);
      for (const { table, change, key, column, before, after } of differences.slice(0, diffLinesMax)) {
        rows.push([module, side, change, table, key, column, before, after]);
      }
      const left = differences.length - diffLinesMax;
      if (left > 0) rows.push([module, side, `and ${left} more`, '', '', '', null, null]);
      for (const { table, key, column, reason, severity } of problems) {
        rows.push([module, side, severity, table, key, column, null, reason]);
      }
    }
  }
  return { kind: 'rows', columns: ['module', 'against', 'change', 'table', 'key', 'column', 'old', 'new'], rows };
}

export function showRuntimeHistory({ promotion }: AdminContext, modules: readonly ModuleName[]): AdminReply {
  const rows = modules.flatMap((module) =>
    promotion.history
      .list(module)
      .map(({ version, loadedAtMs, loadedBy, rows: tables }, index) => [
        module,
        String(version),
        index === 0 ? 'in force' : 'before',
        new Date(loadedAtMs).toISOString().slice(0, 19).replace('T', ' '),
        loadedBy,
        String([...tables.values()].reduce((sum, list) => sum + list.length, 0)),
      ]),
  );
  return { kind: 'rows', columns: ['module', 'version', 'state', 'loaded_at', 'loaded_by', 'rows'], rows };
}

/** To memory and to the runtime: what is in force is then what a later LOAD would load again. */
export function loadFromHistory(
  context: AdminContext,
  session: SessionContext,
  { module, version }: { readonly module: ModuleName; readonly version: number },
): Promise<AdminReply> {
  return answerPromotion(context, session, { module, edge: 'history>runtime' }, () =>
    context.promotion.restore(module, version, actorOf(session)),
  );
}
