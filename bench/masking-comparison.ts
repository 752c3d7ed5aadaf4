/**
 * Masking beside regex rules: plays the cases of a folder (SLUICE_MASKING) and of test/golden/masking*.json through sluice
 * twice, once with the usual masking rules over the text, once with protected columns, and counts. Run it with
 * `node dist/bench/masking-comparison.js`; docs/MASKING.md has its table.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CaseConnections, type Family, leakIn, type MaskingCase, MaskingStage } from '../test/helpers/masking-stage.ts';
import { missingMysql9 } from '../test/helpers/mysql9.ts';
import { repositoryRoot } from '../test/helpers/repository.ts';

const COLUMNS = ['phone', 'bank_account_number', 'bank_pin'];
const REFUSED = 'Query not allowed due to sensitive information';

/** Three masking rules for each column in the style of the best-known rule set, then rules that refuse what it forgets. */
function regexRules(): string[] {
  const replacing = COLUMNS.flatMap((column) => [
    [`\`*${column}*\``, column],
    [`(\\(?)(\`?\\w+\`?\\.)?${column}(\\)?)([ ,\n])`, `\\1CONCAT(LEFT(\\2${column},2),REPEAT('X',10))\\3 ${column}\\4`],
    [`\\)(\\)?) ${column}\\s+(\\w),`, ')\\1 \\2,'],
    [`\\)(\\)?) ${column}\\s+(.*)\\s+from`, ')\\1 \\2 from'],
  ]);
  const names = COLUMNS.join('|');
  const refusing = [
    '^SELECT\\s+\\*.*FROM.*patients',
    '^SELECT\\s+patients\\.\\*.*FROM.*patients',
    '^SELECT\\s+(\\w+)\\.\\*.*FROM.*patients\\s+(as\\s+)?(\\1)',
    `\\b(sum|avg|min|max|count|group_concat)\\s*\\(.*\\b(${names})\\b`,
    `\\b(where|on|having|by)\\b.*\\b(${names})\\b`,
    `\\b(union|intersect|except)\\b.*\\b(${names})\\b`,
    `^(insert|replace|create|update|alter|explain|handler|prepare|do|set)\\b.*\\b(${names}|patients)\\b`,
    `\\binto\\b.*\\b(outfile|@)`,
    '\\bv_(contact|temp)\\b',
  ];
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
  return [
    ...refusing.map((pattern) => `(1, ${text(pattern)}, NULL, '${REFUSED}', 'CASELESS', 1)`),
    ...replacing.map(([pattern = '', by = '']) => `(1, ${text(pattern)}, ${text(by)}, NULL, 'CASELESS,GLOBAL', 0)`),
  ];
}

const BY_RULES = [
  `INSERT INTO mysql_query_rules (active, match_pattern, replace_pattern, error_msg, re_modifiers, apply) VALUES ${regexRules().join(', ')}`,
  'LOAD MYSQL QUERY RULES TO RUNTIME',
];

interface Count {
  attacks: number;
  leaks: number;
  honest: number;
  refused: number;
  changed: number;
}

async function count(family: Family, protect?: readonly string[]): Promise<Count> {
  const stage = await MaskingStage.start(family, {}, protect);
  const sum: Count = { attacks: 0, leaks: 0, honest: 0, refused: 0, changed: 0 };
  await stage.sluice.admin('SET sluice-masking_refusals_per_minute=1000000', 'LOAD SLUICE VARIABLES TO RUNTIME');
  // What gets through may lock what later cases need.
  await stage.database.query('SET GLOBAL lock_wait_timeout = 2', 'SET GLOBAL innodb_lock_wait_timeout = 2');
  const masked = new CaseConnections((options) => stage.connect(options));
  const direct = new CaseConnections((options) => stage.direct(options));
  try {
    for (const it of casesOf(family)) {
      const through = await masked.play(it, it.sql);
      if (it.benign === true) {
        const plain = await direct.play(it, it.sql);
        sum.honest += 1;
        if (through.some(({ error }) => error !== undefined)) sum.refused += 1;
        // Ids of connections differ.
        else if (!it.sql.includes('CONNECTION_ID') && JSON.stringify(through) !== JSON.stringify(plain))
          sum.changed += 1;
        continue;
      }
      sum.attacks += 1;
      const text = [it.sql, ...(it.setup ?? []), it.then ?? ''].join('\n');
      let leaks = through.some((outcome) => leakIn(outcome, text) !== undefined);
      if (!leaks && it.probe_false !== undefined && through[0]?.error === undefined) {
        leaks = JSON.stringify(through) !== JSON.stringify(await masked.play(it, it.probe_false));
      }
      // An answer tells something where only a refusal tells nothing.
      if (!leaks && through[0]?.error === undefined && !it.acceptable.some((what) => what !== 'blocked')) leaks = true;
      if (leaks) sum.leaks += 1;
      for (const sql of it.after ?? []) await stage.database.query('USE clinic', sql).catch(() => undefined);
    }
  } finally {
    masked.close();
    direct.close();
    await stage.stop();
  }
  return sum;
}

/** What gets through would be there for the cases behind it. */
const LEAVES_A_MARK = /^\s*(create|alter|rename)\b|\bglobal\b|\bpersist\b|\boutfile\b|\bdumpfile\b/i;
const WRITES = /^\s*(insert|replace|update|delete|with .*\b(update|delete)\b)/i;

function casesOf(family: Family): readonly MaskingCase[] {
  const folder = process.env.SLUICE_MASKING;
  const files = [
    ...['masking.json', 'masking-attacks.json', 'masking-honest.json'].map((name) =>
      join(repositoryRoot, 'test/golden', name),
    ),
    ...(folder === undefined ? [] : [join(folder, 'cases.json')]),
  ];
  return files
    .flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as readonly MaskingCase[])
    .filter((it) => it.needs_harness !== true && (it.engines === undefined || it.engines.includes(family)))
    .filter(({ sql }) => !LEAVES_A_MARK.test(sql))
    .map((it) => (WRITES.test(it.sql) && it.protocol === undefined ? { ...it, tx: true } : it));
}

console.log(
  '| server | by | attacks | get through | honest queries | refused | changed |\n| --- | --- | --- | --- | --- | --- | --- |',
);
for (const family of missingMysql9() === false ? (['mariadb', 'mysql8'] as const) : (['mariadb'] as const)) {
  for (const [name, protect] of [
    ['regex rules', BY_RULES],
    ['protected columns', undefined],
  ] as const) {
    const c = await count(family, protect);
    console.log(`| ${family} | ${name} | ${c.attacks} | ${c.leaks} | ${c.honest} | ${c.refused} | ${c.changed} |`);
  }
}
