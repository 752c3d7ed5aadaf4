/**
 * EXPLAIN, DESCRIBE and ANALYZE: plans show values of rows that are read early, and differ by what a value is. A plan of
 * a statement that meets a protected column is refused; descriptions of tables are not.
 */
import { Kind } from './lexer.ts';
import type { StatementReader } from './statements.ts';
import { OPEN } from './token-cursor.ts';
import { Refused, refuse } from './uses.ts';
import { PASS, Reason, refuseColumn, refuseStatement, type Verdict } from './verdict.ts';

const STATEMENTS: ReadonlySet<string> = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'CALL', 'DO']);
const EXPLAINED = 'shown by its plan';

export function judgeExplain(reader: StatementReader): Verdict {
  const start = reader.at;
  const verb = reader.word();
  reader.at += 1;
  const maintenance = verb === 'ANALYZE' && ['TABLE', 'TABLES', 'LOCAL', 'NO_WRITE_TO_BINLOG'].includes(reader.word());
  // MySQL 8's TABLE statement cannot follow MariaDB's ANALYZE.
  if (maintenance) return reader.passRest();
  options(reader, start);
  if (reader.kind() !== OPEN && !reader.startsQuery() && !STATEMENTS.has(reader.word())) {
    // A table: its columns are listed.
    if (verb === 'ANALYZE') reader.fail();
    reader.tableName();
    return reader.passRest();
  }
  let verdict: Verdict;
  try {
    verdict = reader.statement();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { column } = error.verdict.refusal;
    throw column === undefined ? error : new Refused(refuseColumn(Reason.EXPLAIN, column, EXPLAINED));
  }
  const { met } = reader.resolver;
  if (met !== undefined) refuse(met, { code: Reason.EXPLAIN, words: EXPLAINED });
  return verdict.kind === 'mask' ? refuseStatement(Reason.EXPLAIN, 'a plan shows them') : PASS;
}

function options(reader: StatementReader, start: number): void {
  for (;;) {
    if (reader.takeWord('EXTENDED', 'PARTITIONS', 'ANALYZE')) continue;
    if (reader.word() === 'FORMAT' && reader.kind(1) === 0x3d) {
      reader.at += 3;
    } else if (reader.word() === 'INTO' && reader.kind(1) === Kind.VARIABLE) {
      reader.at += 2;
    } else if (reader.word() === 'FOR') {
      if (reader.word(1) === 'CONNECTION' || reader.kind(1) === Kind.INTEGER) {
        throw new Refused(refuseStatement(Reason.SYSTEM, "another session's statement is shown"));
      }
      // Another current schema.
      if (reader.touches(start)) reader.fail();
      reader.at += 3;
    } else {
      return;
    }
  }
}
