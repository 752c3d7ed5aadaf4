/**
 * Admin SQL to AdminStatement, by a table of patterns. Pure; it runs nothing and knows no session.
 *
 * Patterns are matched against the text with its white space collapsed and its trailing semicolons cut; what matches none
 * of them is SQL for SQLite. A comment in front hides a command, as in ProxySQL.
 */

import { CHECKSUM_PATTERNS } from './grammar/checksum-patterns.ts';
import { COMMAND_PATTERNS } from './grammar/command-patterns.ts';
import { classifyExplainRoute } from './grammar/explain-route.ts';
import { LOOK_PATTERNS } from './grammar/look-patterns.ts';
import { SELECT_PATTERNS } from './grammar/select-patterns.ts';
import { classifySet } from './grammar/set-statement.ts';
import { SHOW_PATTERNS } from './grammar/show-patterns.ts';
import type { AdminRole, AdminStatement, Pattern } from './grammar/statement.ts';
import type { Edge } from './layers.ts';
import { modulesWith } from './modules/index.ts';

/** The text as patterns see it. */
export function collapse(sql: string): string {
  return sql
    .replace(/[ \t\r\n\f\v]+/g, ' ')
    .trim()
    .replace(/[; ]+$/, '');
}

/** Says what one statement (see splitStatements) asks for. `strict` is sluice-strict. */
export function classify(sql: string, role: AdminRole, strict = true): AdminStatement {
  const text = collapse(sql);
  const promotion = role === 'admin' ? PROMOTIONS.get(text.toUpperCase()) : undefined;
  if (promotion !== undefined) return promotion;
  if (role === 'admin' && /^set /i.test(text)) {
    const set = classifySet(sql.trim().replace(/[;\s]+$/, ''), text, strict);
    if (set !== undefined) return set;
  }
  const explain = role === 'admin' ? classifyExplainRoute(sql, text) : undefined;
  if (explain !== undefined) return explain;
  for (const { when, is, adminOnly, strictOnly } of PATTERNS) {
    if (adminOnly === true && role !== 'admin') continue;
    if (strictOnly === true && !strict) continue;
    const match = when.exec(text);
    if (match === null) continue;
    const statement = typeof is === 'function' ? is(match, strict) : is;
    if (statement !== undefined) return statement;
  }
  if (role === 'stats' && /^(pragma|attach)/i.test(text)) return { kind: 'refuse', message: 'Command not allowed' };
  return { kind: 'sql', sql };
}

/** Every spelling of an edge. Note that LOAD … TO MEMORY comes from disk, and LOAD … FROM MEMORY goes to the runtime. */
const EDGE_SPELLINGS: Readonly<Record<Edge, readonly string[]>> = {
  'disk>memory': ['LOAD * TO MEMORY', 'LOAD * TO MEM', 'LOAD * FROM DISK'],
  'memory>disk': ['SAVE * FROM MEMORY', 'SAVE * FROM MEM', 'SAVE * TO DISK'],
  'memory>runtime': ['LOAD * FROM MEMORY', 'LOAD * FROM MEM', 'LOAD * TO RUNTIME', 'LOAD * TO RUN'],
  'runtime>memory': ['SAVE * TO MEMORY', 'SAVE * TO MEM', 'SAVE * FROM RUNTIME', 'SAVE * FROM RUN'],
  'config>memory': ['LOAD * FROM CONFIG'],
};

/** Modules × edges × spellings, by their text. */
const PROMOTIONS: ReadonlyMap<string, AdminStatement> = new Map(
  (Object.keys(EDGE_SPELLINGS) as Edge[]).flatMap((edge) =>
    EDGE_SPELLINGS[edge].flatMap((spelling) =>
      modulesWith(edge).map((module): [string, AdminStatement] => [
        spelling.replace('*', module),
        { kind: 'promote', module, edge },
      ]),
    ),
  ),
);

const PATTERNS: readonly Pattern[] = [
  ...COMMAND_PATTERNS,
  ...CHECKSUM_PATTERNS,
  ...LOOK_PATTERNS,
  ...SHOW_PATTERNS,
  ...SELECT_PATTERNS,
];
