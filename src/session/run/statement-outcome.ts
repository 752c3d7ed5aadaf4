/** What came of a statement: the figures of its answer as the session, the statistics and the log want them. Pure. */
import type { ProtocolError } from '../../protocol/errors.ts';
import type { ResponseWalker } from '../../protocol/response-walker.ts';

/** What a finished statement tells its session. */
export interface StatementOutcome {
  readonly ok: boolean;
  readonly errorCode: number;
  readonly rowsAffected: number;
  readonly rowsSent: number;
  readonly lastInsertId: number | bigint;
  readonly warnings: number;
  /** What the server said when it refused. */
  readonly error: ProtocolError | undefined;
}

/** Of the answer that the walker has come to the end of. */
export function outcomeOf(walker: ResponseWalker): StatementOutcome {
  const ok = walker.ended !== 'error';
  return {
    ok,
    errorCode: ok ? 0 : walker.errorCode,
    rowsAffected: ok ? Number(walker.affectedRows) : 0,
    rowsSent: walker.rows,
    lastInsertId: ok ? walker.lastInsertId : 0,
    warnings: walker.warnings,
    error: ok ? undefined : walker.error,
  };
}

/** Of a statement that was none but for the session's state. @param warnings of the statements of ours that set it */
export function stateOutcome(warnings: number): StatementOutcome {
  return { ok: true, errorCode: 0, rowsAffected: 0, rowsSent: 0, lastInsertId: 0, warnings, error: undefined };
}
