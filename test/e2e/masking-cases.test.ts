/**
 * Cases of queries against protected columns, played through sluice on real servers: no attack gets a value, a bit of one
 * or a different answer for a right guess, and every honest query has the rows it has without a proxy. The cases of
 * test/golden/masking.json, and those of a folder that SLUICE_MASKING names.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Family, leakIn, type MaskingCase, MaskingStage, type Outcome, play } from '../helpers/masking-stage.ts';
import { missingMysql9 } from '../helpers/mysql9.ts';
import { repositoryRoot } from '../helpers/repository.ts';

function casesOf(path: string): readonly MaskingCase[] {
  return (JSON.parse(readFileSync(path, 'utf8')) as readonly MaskingCase[]).filter((c) => c.needs_harness !== true);
}

const folder = process.env.SLUICE_MASKING;
const cases = [
  ...casesOf(join(repositoryRoot, 'test/golden/masking.json')),
  ...(folder === undefined || folder === '' ? [] : casesOf(join(folder, 'cases.json'))),
];

function verdictOf(
  through: readonly Outcome[],
  direct: readonly Outcome[] | undefined,
): 'masked' | 'blocked' | 'allowed' {
  if (through.some(({ error }) => error?.errno === 1148 || /SLUICE-M\d\d/.test(error?.message ?? ''))) return 'blocked';
  return comparable(through) === comparable(direct) ? 'allowed' : 'masked';
}

/** Connections have numbers of their own, with and without a proxy. */
function comparable(outcomes: readonly Outcome[] | undefined): string | undefined {
  const text = JSON.stringify(outcomes);
  return text?.includes('CONNECTION_ID') === true ? text.replace(/,\d+\]\]/g, ',n]]') : text;
}

const SERVERS: readonly (readonly [Family, string | false])[] = [
  ['mariadb', false],
  ['mysql8', missingMysql9()],
];

for (const [family, missing] of SERVERS) {
  describe(`protected columns on ${family}`, { skip: missing }, () => {
    let stage: MaskingStage;

    before(async () => {
      stage = await MaskingStage.start(family);
      await stage.sluice.admin('SET sluice-masking_refusals_per_minute=1000000', 'LOAD SLUICE VARIABLES TO RUNTIME');
    });

    after(async () => {
      await stage?.stop();
    });

    for (const it of cases) {
      if (it.engines !== undefined && !it.engines.includes(family)) continue;
      test(`${it.id}: ${it.sql}`, async () => {
        const through = await play(() => stage.connect(connectionOptions(it)), it, it.sql);
        const text = [it.sql, ...(it.setup ?? []), it.then ?? ''].join('\n');
        for (const outcome of through) {
          if (it.benign !== true) assert.equal(leakIn(outcome, text), undefined, JSON.stringify(outcome));
        }
        if (it.probe_false !== undefined) {
          const probe = await play(() => stage.connect(connectionOptions(it)), it, it.probe_false);
          const same = through[0]?.error !== undefined || JSON.stringify(through) === JSON.stringify(probe);
          assert.ok(same, `a right guess is told from a wrong one: ${JSON.stringify([through, probe])}`);
        }
        // An attack that works is played directly only where an honest answer has to be compared.
        const compared = it.acceptable.includes('allowed');
        const direct = compared ? await play(() => stage.direct(connectionOptions(it)), it, it.sql) : undefined;
        // Nothing is left to clean up after what was refused.
        for (const sql of it.after ?? []) await stage.database.query('USE clinic', sql).catch(() => undefined);
        const verdict = verdictOf(through, direct);
        assert.ok(
          it.acceptable.includes(verdict),
          `${verdict}: ${JSON.stringify(through)}, direct ${JSON.stringify(direct)}`,
        );
      });
    }
  });
}

function connectionOptions(it: MaskingCase): { readonly multipleStatements?: boolean; readonly compress?: boolean } {
  return {
    ...(it.protocol === 'multi' && { multipleStatements: true }),
    ...(it.protocol === 'compress' && { compress: true }),
  };
}
