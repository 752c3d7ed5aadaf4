/**
 * What a digest costs. Run: node dist/bench/micro/digest.js
 */
import { bench, run, summary } from 'mitata';
import { DEFAULT_DIGEST_OPTIONS, DigestComputer } from '../../src/sql/digest.ts';

const computer = new DigestComputer(DEFAULT_DIGEST_OPTIONS);

const statements: Record<string, Buffer> = {
  'point select, 40 bytes': Buffer.from('SELECT c FROM sbtest1 WHERE id=500123456'),
  'ORM select, 250 bytes': Buffer.from(
    'SELECT `users`.`id`, `users`.`name`, `users`.`email`, `users`.`created_at` FROM `users` INNER JOIN `orders` ON ' +
      "`orders`.`user_id` = `users`.`id` WHERE `orders`.`state` IN ('paid', 'sent') AND `users`.`id` = 12345 ORDER BY " +
      '`users`.`created_at` DESC LIMIT 20',
  ),
  'IN list of 1,000': Buffer.from(
    `SELECT * FROM t WHERE id IN (${Array.from({ length: 1000 }, (_, i) => i).join(', ')})`,
  ),
  'bulk insert, 64 KB': Buffer.from(`INSERT INTO t VALUES ${"(1,'abcdef',NULL,2.5,'x'),".repeat(2500)}(1,2,3)`),
  'bulk insert, 1 MB': Buffer.from(`INSERT INTO t VALUES ${"(1,'abcdef',NULL,2.5,'x'),".repeat(40_000)}(1,2,3)`),
};

summary(() => {
  for (const [name, bytes] of Object.entries(statements)) {
    bench(name, () => computer.compute(bytes, 0, bytes.length));
  }
});

const point = statements['point select, 40 bytes'] as Buffer;
computer.compute(point, 0, point.length);
bench('SpookyHash of the point select', () => computer.hash());

await run();
