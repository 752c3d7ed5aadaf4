/**
 * What deciding costs: many rules on a short statement, and a text as long as the inline budget lets through.
 * Run: node dist/bench/micro/rules.js
 */
import { bench, run, summary } from 'mitata';
import { compileRules } from '../../src/rules/compile.ts';
import { unlimitedBudget } from '../../src/rules/regex/budget.ts';
import { compilePattern, Pattern } from '../../src/rules/regex/pattern.ts';
import { input, rule } from '../../test/unit/rules/helpers.ts';

const OPTIONS = { iterations: 0, regexEngine: 1 } as const;
const RULES = 2000;
const QUERY = 'SELECT c, email FROM customers WHERE id = 500123456 AND state = 12 ORDER BY created_at DESC LIMIT 20';
const statement = input({ query: QUERY, digestText: QUERY.replaceAll(/\b\d+/g, '?') });

const many = (fields: (i: number) => Omit<Parameters<typeof rule>[0], 'ruleId'>) =>
  compileRules(
    Array.from({ length: RULES }, (_, i) => rule({ ruleId: i + 1, ...fields(i) })),
    OPTIONS,
  ).rules;

const ruleSets = {
  'no rule matches: match_pattern': many((i) => ({ matchPattern: `\\bcolumn_${i}\\b` })),
  'no rule matches: anchored match_digest': many((i) => ({ matchDigest: `^SELECT .* FROM table_${i} WHERE` })),
  'no rule matches: two .* in match_pattern': many((i) => ({ matchPattern: `select.*col${i}.*from` })),
  'one user of 2,000': many((i) => ({ username: `user${i}`, matchPattern: 'x' })),
  'one digest of 2,000': many((i) => ({ digest: `0x${(i + 1).toString(16)}` })),
};

summary(() => {
  for (const [name, rules] of Object.entries(ruleSets)) bench(name, () => rules.tryDecide(statement));
});

const bytes = Buffer.from(QUERY);
for (const [name, rules] of Object.entries(ruleSets)) {
  if (rules.prefilter !== undefined) bench(`prefilter; ${name}`, () => rules.prefilter?.scan(bytes, 0, bytes.length));
}

const masking = compileRules(
  [
    rule({
      ruleId: 1,
      matchPattern: '(\\(?)(`?\\w+`?\\.)?email(\\)?)([ ,\n])',
      replacePattern: "\\1CONCAT(LEFT(\\2email,2),REPEAT('X',10))\\3 email\\4",
      global: true,
    }),
  ],
  OPTIONS,
).rules;
bench('one masking rule that rewrites', () => masking.tryDecide(statement));

const megabyte = 'a'.repeat(1024 * 1024);
const budget = unlimitedBudget();
for (const source of ['(a+)+$', 'a.*b.*c', '\\bsecret\\b']) {
  const pattern = compilePattern(source, { dialect: 'pcre', caseless: true });
  if (pattern instanceof Pattern) bench(`${source} on 1 MB of a`, () => pattern.test(megabyte, budget));
}

const rows = Array.from({ length: RULES }, (_, i) => rule({ ruleId: i + 1, matchPattern: `^SELECT .* FROM t${i} ` }));
bench('compile 2,000 rules', () => compileRules(rows, OPTIONS));

await run();
