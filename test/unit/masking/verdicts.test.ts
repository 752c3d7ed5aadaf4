/**
 * What the judge says, case by case: test/golden/masking-verdicts.json, one case a line. `verdict` is `pass`, `mask` with
 * the masked positions counted from 1, or the reason code; one per statement, separated by `;`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Judge, type ServerKind } from '../../../src/masking/judge.ts';
import { Reason, type Verdict } from '../../../src/masking/verdict.ts';
import { clinicCatalog, clinicPolicy } from '../../helpers/masking/clinic.ts';
import { repositoryRoot } from '../../helpers/repository.ts';

interface Case {
  readonly verdict: string;
  readonly sql: string;
  readonly family?: 'mariadb' | 'mysql';
  /** null: not known. */
  readonly sqlMode?: string | null;
  readonly schema?: string;
  readonly charset?: string;
}

const SERVERS: readonly ServerKind[] = [
  { family: 'mariadb', version: 101_119 },
  { family: 'mysql', version: 90_700 },
];

const cases = JSON.parse(readFileSync(join(repositoryRoot, 'test/golden/masking-verdicts.json'), 'utf8')) as Case[];

describe('verdicts', () => {
  for (const server of SERVERS) {
    test(`${server.family}: every case as written`, () => {
      const judge = new Judge(clinicPolicy(), clinicCatalog(), server);
      const wrong = cases
        .filter(({ family }) => family === undefined || family === server.family)
        .map((one) => ({ ...one, got: verdictsOf(judge, one) }))
        .filter(({ verdict, got }) => got !== verdict)
        .map(({ sql, verdict, got }) => `${sql.slice(0, 150)}: ${got}, not ${verdict}`);
      assert.deepEqual(wrong, []);
    });
  }
});

describe('reason codes', () => {
  const codes = Object.values(Reason);

  test('each has a case', () => {
    const met = new Set(cases.flatMap(({ verdict }) => verdict.split('; ')));
    assert.deepEqual(
      codes.filter((code) => !met.has(code.slice(-3))),
      [],
    );
  });

  test('MASKING.md explains each', () => {
    const text = readFileSync(join(repositoryRoot, 'docs/MASKING.md'), 'utf8');
    const explained = [...text.matchAll(/^\| `(SLUICE-M[0-3]\d)` \|/gm)].map(([, code]) => code);
    assert.deepEqual(explained, codes);
  });
});

function verdictsOf(judge: Judge, { sql, sqlMode = '', schema = 'clinic', charset = 'utf8mb4' }: Case): string {
  const text = Buffer.from(sql, charset.startsWith('utf8') ? 'utf8' : 'latin1');
  const verdicts = judge.judge({ text, schema, sqlMode: sqlMode ?? undefined, charset, multiStatements: true });
  return verdicts.map(written).join('; ');
}

function written(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'pass':
      return `pass${verdict.diagnostics ? ' diagnostics' : ''}${verdict.prepared ? ' prepared' : ''}`;
    case 'mask':
      return `mask ${verdict.columns.flatMap(({ mask }, i) => (mask === undefined ? [] : [i + 1])).join(' ')}`;
    case 'refuse':
      return verdict.refusal.code.slice(-3);
  }
}
