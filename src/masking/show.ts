/**
 * SHOW: descriptions pass, lists of other sessions' statements and of logged values do not.
 */

import type { StatementReader } from './statements.ts';
import { Refused } from './uses.ts';
import { PASS, PASS_DIAGNOSTICS, Reason, refuseStatement, type Verdict } from './verdict.ts';

/** First words behind SHOW (and its modifiers) that show values or texts of statements. */
const VALUE_BEARING: readonly (readonly string[])[] = [
  ['PROCESSLIST'],
  ['PROFILES'],
  ['BINLOG', 'EVENTS'],
  ['RELAYLOG'],
  ['ENGINE'],
  ['EXPLAIN'],
  ['ANALYZE'],
  ['QUERY_RESPONSE_TIME'],
  ['SLAVE', 'STATUS'],
  ['SLAVES', 'STATUS'],
  ['REPLICA', 'STATUS'],
  ['REPLICAS', 'STATUS'],
];

export function judgeShow(reader: StatementReader): Verdict {
  reader.at += 1;
  while (reader.takeWord('FULL', 'EXTENDED', 'GLOBAL', 'SESSION', 'LOCAL', 'ALL'));
  for (const words of VALUE_BEARING) {
    if (!words.every((word, i) => reader.word(i) === word)) continue;
    const what = words.join(' ');
    throw new Refused(refuseStatement(Reason.SYSTEM, `SHOW ${what} shows values or statements of others`));
  }
  if ((reader.word() === 'SLAVE' || reader.word() === 'REPLICA') && reader.word(2) === 'STATUS') {
    throw new Refused(refuseStatement(Reason.SYSTEM, 'SHOW … STATUS shows values or statements of others'));
  }
  const diagnostics = ['WARNINGS', 'ERRORS'].includes(reader.word()) || reader.word() === 'COUNT';
  const start = reader.at;
  while (!reader.atEnd()) {
    // Subqueries are possible here, and their value decides which rows come.
    if (reader.word() === 'WHERE' && reader.touches(start)) {
      reader.at += 1;
      reader.alone(reader.expression(), 'where');
      continue;
    }
    if (reader.word() === 'SELECT' && reader.touches(start)) reader.fail();
    reader.at += 1;
  }
  return diagnostics ? PASS_DIAGNOSTICS : PASS;
}
