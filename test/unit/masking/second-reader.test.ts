/**
 * A second reader of the same statements: every table that node-sql-parser finds in one that the judge has understood is
 * known to the judge too, and what it finds of protected columns is no news. It fails on much that servers take; what it
 * does read it reads by a grammar that nobody here wrote.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Judge, type ServerKind } from '../../../src/masking/judge.ts';
import { clinicCatalog, clinicPolicy, PROTECTED } from '../../helpers/masking/clinic.ts';
import { QueryGenerator } from '../../helpers/masking/random-query.ts';
import { Random } from '../../helpers/random.ts';
import { repositoryRoot } from '../../helpers/repository.ts';

interface Reader {
  parse(sql: string, options: { readonly database: string }): { tableList: string[]; columnList: string[] };
}

const RANDOM_STATEMENTS = Number(process.env.SLUICE_MASKING_STATEMENTS ?? 150);
const SEED = Number(process.env.SLUICE_MASKING_SEED ?? 20_261_127);

const SERVERS: readonly (ServerKind & { readonly dialect: string })[] = [
  { family: 'mariadb', version: 101_119, dialect: 'MariaDB' },
  { family: 'mysql', version: 90_700, dialect: 'MySQL' },
];

/**
 * In derived and common tables and in EXISTS a column may be read and not shown; the reader drops schemas; what may be
 * inserted is the judge's own cases' to say.
 */
const MAY_HIDE = /\(\s*(select|with|table)\b|\bwith\b|\bother\b|^\s*insert/i;

/** Statements without comments, which the second reader takes for blanks even where servers execute them. */
function statements(family: 'mariadb' | 'mysql'): string[] {
  const generator = new QueryGenerator(new Random(SEED), family);
  const random = Array.from({ length: RANDOM_STATEMENTS }, () => generator.next().sql);
  const cases = ['masking-verdicts.json', 'masking-attacks.json', 'masking-honest.json'].flatMap((name) => {
    const text = readFileSync(join(repositoryRoot, 'test/golden', name), 'utf8');
    const read = JSON.parse(text) as {
      sql: string;
      setup?: unknown;
      sqlMode?: unknown;
      charset?: unknown;
      schema?: unknown;
    }[];
    // How those with a session of their own are read depends on it.
    return read
      .filter((one) => one.setup === undefined && one.sqlMode === undefined && one.charset === undefined)
      .filter(({ schema }) => schema === undefined)
      .map(({ sql }) => sql);
  });
  return [...cases, ...random].filter((sql) => !/\/\*|--|#/.test(sql) && !MAY_HIDE.test(sql));
}

describe('a second reader of SQL', () => {
  // By the name of the dialect alone: all dialects together are large.
  const load = createRequire(import.meta.url);

  for (const { family, version, dialect } of SERVERS) {
    test(`${family}: it finds no protected table and column that the judge lets pass`, (t) => {
      const { Parser } = load(`node-sql-parser/build/${dialect.toLowerCase()}`) as { Parser: new () => Reader };
      const reader = new Parser();
      const judge = new Judge(clinicPolicy(), clinicCatalog(), { family, version });
      const missed: string[] = [];
      let read = 0;
      for (const sql of statements(family)) {
        const found = parsed(reader, sql, dialect);
        if (found === undefined) continue;
        read += 1;
        if (!touches(found)) continue;
        const verdicts = judge.judge({
          text: Buffer.from(sql),
          schema: 'clinic',
          sqlMode: '',
          charset: 'utf8mb4',
          multiStatements: true,
        });
        if (verdicts.every(({ kind }) => kind === 'pass')) missed.push(sql);
      }
      t.diagnostic(`${read} statements read by both`);
      assert.deepEqual(missed, []);
    });
  }
});

function parsed(reader: Reader, sql: string, database: string): ReturnType<Reader['parse']> | undefined {
  try {
    return reader.parse(sql, { database });
  } catch {
    return undefined;
  }
}

/** A protected column with its table's name in front: without one the reader does not say whose it is. */
function touches({ columnList }: ReturnType<Reader['parse']>): boolean {
  return columnList.some((entry) => {
    const [, table, column] = entry.split('::');
    return table === 'patients' && PROTECTED.some((name) => name === column);
  });
}
