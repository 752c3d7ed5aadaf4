/**
 * The judge on a collection of attacks and honest queries (environment variable SLUICE_MASKING: a folder with
 * cases.json): every attack is refused or masked as the case allows, every honest query passes.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Judge, type ServerKind } from '../../../src/masking/judge.ts';
import type { Verdict } from '../../../src/masking/verdict.ts';
import { clinicCatalog, clinicPolicy } from '../../helpers/masking/clinic.ts';

interface Case {
  readonly id: string;
  readonly sql: string;
  readonly acceptable: readonly string[];
  readonly setup?: readonly string[];
  /** Follows in the same session when `sql` was let through. */
  readonly then?: string;
  readonly protocol?: string;
  readonly engines?: readonly string[];
}

const SERVERS: readonly (ServerKind & { readonly engine: string })[] = [
  { engine: 'mariadb', family: 'mariadb', version: 101_119 },
  { engine: 'mysql8', family: 'mysql', version: 90_700 },
];
/** Commands of the protocol, which no text can express. */
const NOT_A_TEXT = new Set(['pro-15']);

const file = join(process.env.SLUICE_MASKING ?? '', 'cases.json');
const skip = existsSync(file) ? false : 'SLUICE_MASKING names no cases.json';

describe('the judge on the collection of attacks', { skip }, () => {
  const cases = skip === false ? (JSON.parse(readFileSync(file, 'utf8')) as Case[]) : [];
  for (const server of SERVERS) {
    test(`${server.family}: no case is judged wrong`, () => {
      const judge = new Judge(clinicPolicy(), clinicCatalog(), server);
      const wrong = cases
        .filter(({ id, engines }) => !NOT_A_TEXT.has(id) && (engines === undefined || engines.includes(server.engine)))
        .map((one) => ({ ...one, verdict: outcome(judge, one) }))
        .filter(({ acceptable, verdict }) => !acceptable.includes(verdict.split(' ')[0] ?? ''))
        .map(({ id, sql, verdict, acceptable }) => `${id} ${sql}: ${verdict}, not ${acceptable.join(' or ')}`);
      assert.deepEqual(wrong, []);
    });
  }
});

function outcome(judge: Judge, { sql, setup = [], protocol = '', then }: Case): string {
  let schema = 'clinic';
  let sqlMode = '';
  for (const statement of setup) {
    schema = /^USE (\w+)/i.exec(statement)?.[1] ?? schema;
    sqlMode = /sql_mode\s*=\s*'([^']*)'/i.exec(statement)?.[1] ?? sqlMode;
  }
  const charset = protocol.startsWith('charset:') ? protocol.slice('charset:'.length) : 'utf8mb4';
  const verdicts = [sql, ...(then === undefined ? [] : [then])].flatMap((statement) => {
    const text = Buffer.from(statement, charset === 'utf8mb4' ? 'utf8' : 'latin1');
    return judge.judge({ text, schema, sqlMode, charset, multiStatements: true });
  });
  const worst = verdicts.find(({ kind }) => kind === 'refuse') ?? verdicts.find(({ kind }) => kind === 'mask');
  return named(worst ?? verdicts[0]);
}

function named(verdict: Verdict | undefined): string {
  if (verdict?.kind === 'refuse') return `blocked (${verdict.refusal.message})`;
  return verdict?.kind === 'mask' ? 'masked' : 'allowed';
}
