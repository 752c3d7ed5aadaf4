/**
 * What the judge of masking costs: the token test of plain statements, first sights, and remembered shapes.
 * Run: node dist/bench/micro/masking.js
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { bench, run, summary } from 'mitata';
import { Judge } from '../../src/masking/judge.ts';
import { clinicCatalog, clinicPolicy } from '../../test/helpers/masking/clinic.ts';
import { repositoryRoot } from '../../test/helpers/repository.ts';

const server = { family: 'mariadb', version: 101_119 } as const;
const judge = new Judge(clinicPolicy(), clinicCatalog(), server);

function contextOf(sql: string, schema = 'clinic') {
  return { text: Buffer.from(sql), schema, sqlMode: '', charset: 'utf8mb4', multiStatements: false };
}

const plain: Record<string, string> = {
  'point select, 40 bytes': 'SELECT c FROM sbtest1 WHERE id=500123456',
  'ORM select, 250 bytes':
    'SELECT `users`.`id`, `users`.`name`, `users`.`email`, `users`.`created_at` FROM `users` INNER JOIN `orders` ON ' +
    "`orders`.`user_id` = `users`.`id` WHERE `orders`.`state` IN ('paid', 'sent') AND `users`.`id` = 12345 ORDER BY " +
    '`users`.`created_at` DESC LIMIT 20',
  'bulk insert, 64 KB': `INSERT INTO t VALUES ${"(1,'abcdef',NULL,2.5,'x'),".repeat(2500)}(1,2,3)`,
};

summary(() => {
  for (const [name, sql] of Object.entries(plain)) {
    const context = contextOf(sql);
    bench(`token test: ${name}`, () => judge.judge(context));
  }
  const masked = contextOf('SELECT id, name, phone FROM patients WHERE id = 5');
  bench('remembered shape: SELECT id, name, phone', () => judge.judge(masked));
  const written = contextOf(`INSERT INTO patients (name, city) VALUES ${"('abc', 'def'),".repeat(2500)}('x', 'y')`);
  bench('not remembered: bulk insert into a protected table, 37 KB', () => judge.judge(written));
});

await run();

// First sights: every statement of the collection once per judge, so that nothing is remembered.
const cases = JSON.parse(readFileSync(join(repositoryRoot, 'test/golden/masking-verdicts.json'), 'utf8')) as {
  readonly sql: string;
}[];
const times: number[] = [];
for (let round = 0; round < 50; round += 1) {
  const fresh = new Judge(clinicPolicy(), clinicCatalog(), server);
  for (const { sql } of cases) {
    const context = contextOf(sql);
    const before = performance.now();
    fresh.judge(context);
    if (round > 0) times.push((performance.now() - before) * 1000);
  }
}
times.sort((a, b) => a - b);
const at = (share: number): string => `${(times[Math.floor(times.length * share)] ?? 0).toFixed(1)} µs`;
console.log(`first sight of ${cases.length} statements: median ${at(0.5)}, 99 % ${at(0.99)}, most ${at(0.9999)}`);
