/**
 * Cases of queries against protected columns, played through sluice on real servers: no attack gets a value, a bit of one
 * or a different answer for a right guess, and every honest query has the rows it has without a proxy. The cases of
 * test/golden/masking*.json, and those of a folder that SLUICE_MASKING names.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  CaseConnections,
  type Family,
  leakIn,
  type MaskingCase,
  MaskingStage,
  type Outcome,
} from '../helpers/masking-stage.ts';
import { missingMysql9 } from '../helpers/mysql9.ts';
import { repositoryRoot } from '../helpers/repository.ts';

function casesOf(...path: readonly string[]): readonly MaskingCase[] {
  return (JSON.parse(readFileSync(join(...path), 'utf8')) as readonly MaskingCase[]).filter(
    (c) => c.needs_harness !== true,
  );
}

const folder = process.env.SLUICE_MASKING ?? '';
const golden = join(repositoryRoot, 'test/golden');
const SETS: Readonly<Record<string, readonly MaskingCase[]>> = {
  'first cases': casesOf(golden, 'masking.json'),
  attacks: casesOf(golden, 'masking-attacks.json'),
  'honest queries': casesOf(golden, 'masking-honest.json'),
  ...(folder === '' ? {} : { 'cases of SLUICE_MASKING': casesOf(folder, 'cases.json') }),
};

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
    let masked: CaseConnections;
    let direct: CaseConnections;

    before(async () => {
      stage = await MaskingStage.start(family);
      await stage.sluice.admin('SET sluice-masking_refusals_per_minute=1000000', 'LOAD SLUICE VARIABLES TO RUNTIME');
      masked = new CaseConnections((options) => stage.connect(options));
      direct = new CaseConnections((options) => stage.direct(options));
    });

    after(async () => {
      masked?.close();
      direct?.close();
      await stage?.stop();
    });

    for (const [name, cases] of Object.entries(SETS)) {
      test(`${name}: ${cases.length}`, async () => {
        const wrong: string[] = [];
        for (const it of cases) {
          if (it.engines !== undefined && !it.engines.includes(family)) continue;
          const found = await wrongIn(it).catch((error: unknown) => String(error));
          if (found !== undefined) wrong.push(`${it.id} ${it.sql}: ${found}`);
        }
        assert.deepEqual(wrong, []);
      });
    }

    async function wrongIn(it: MaskingCase): Promise<string | undefined> {
      const through = await masked.play(it, it.sql);
      const told = JSON.stringify(through);
      const text = [it.sql, ...(it.setup ?? []), it.then ?? ''].join('\n');
      const leak = it.benign === true ? undefined : through.map((outcome) => leakIn(outcome, text)).find(Boolean);
      if (leak !== undefined) return `shows ${leak}: ${told}`;
      if (it.probe_false !== undefined && through[0]?.error === undefined) {
        const probe = JSON.stringify(await masked.play(it, it.probe_false));
        if (probe !== told) return `a right guess is told from a wrong one: ${told} ${probe}`;
      }
      // An attack that works is played directly only where an honest answer has to be compared.
      const plain = it.acceptable.includes('allowed') ? await direct.play(it, it.sql) : undefined;
      // Nothing is left to clean up after what was refused.
      for (const sql of it.after ?? []) await stage.database.query('USE clinic', sql).catch(() => undefined);
      const verdict = verdictOf(through, plain);
      return it.acceptable.includes(verdict) ? undefined : `${verdict}: ${told}, direct ${JSON.stringify(plain)}`;
    }
  });
}
