/**
 * LOAD … FROM CONFIG: what a config file says, into MEMORY. Rows of the file replace those with the same key, the others
 * stay. It reads no files and publishes nothing.
 */
import type { Database } from 'better-sqlite3';
import type { Problem } from '../../runtime/problem.ts';
import type { PromotionResult } from '../layers.ts';
import type { ConfigModule } from '../modules/module.ts';
import { createRowWriter, hasTable, writeVariables } from '../table-store.ts';
import { readSection, readVariableGroup } from './read-sections.ts';
import { SECTIONS, type Section } from './sections.ts';
import type { ConfigProblem, Group } from './syntax.ts';

/** `affectedRows` is the number of entries read. */
export function importModule(db: Database, module: ConfigModule, root: Group): PromotionResult {
  return db.transaction((): PromotionResult => {
    if (module.kind === 'variables') {
      const { items, problems } = readVariableGroup(root, module.prefix);
      writeVariables(db, 'main', items);
      return {
        affectedRows: items.length,
        problems: problems.map((problem) => toProblem('global_variables', problem)),
      };
    }
    const tables = new Set(module.tables.map(({ name }) => name));
    let affectedRows = 0;
    const problems: Problem[] = [];
    for (const section of SECTIONS) {
      const table = section.table ?? section.name;
      if (!tables.has(table) || !hasTable(db, 'main', table)) continue;
      const result = importSection(db, section, root);
      affectedRows += result.affectedRows;
      problems.push(...result.problems);
    }
    return { affectedRows, problems };
  })();
}

function importSection(db: Database, section: Section, root: Group): PromotionResult {
  const { items, problems } = readSection(root, section);
  const table = section.table ?? section.name;
  const write = createRowWriter(
    db,
    table,
    section.fields.map(({ column }) => column),
  );
  const refused: Problem[] = [];
  for (const { row, at } of items) {
    const complaint = write(row);
    if (complaint !== undefined) refused.push(toProblem(table, { ...at, message: complaint, severity: 'error' }));
  }
  return {
    affectedRows: items.length - refused.length,
    problems: [...problems.map((problem) => toProblem(table, problem)), ...refused],
  };
}

/** The key of a problem in a file is where it stands. */
function toProblem(table: string, { file, line, column, message, severity }: ConfigProblem): Problem {
  return { table, key: `${file}:${line}:${column}`, column: 'config file', reason: message, severity };
}
