/**
 * Plays a recording of a real ProxySQL against the digest computation, when SLUICE_GOLDEN names the folder that holds
 * 08-digests.json: every statement sent on the mysql port, then the digest rows read on the admin port.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DEFAULT_DIGEST_OPTIONS, DigestComputer, type DigestOptions } from '../../../src/sql/digest.ts';
import { formatDigest } from '../../../src/sql/spooky-hash.ts';

interface Reply {
  readonly type: string;
  readonly columns?: number;
  readonly rows?: readonly (readonly string[])[];
}

interface Step {
  readonly conn: string;
  readonly op?: string;
  readonly sql?: string;
  readonly sql_hex?: string;
  readonly as?: string;
  readonly repeat?: number;
  readonly withheld?: boolean;
  readonly reply?: Reply;
}

interface Transcript {
  readonly column_sets: readonly (readonly { readonly name: string }[])[];
  readonly steps: readonly Step[];
}

const OPTION_OF_VARIABLE: Record<string, keyof DigestOptions> = {
  max_digest_length: 'maxDigestLength',
  max_query_length: 'maxQueryLength',
  grouping_limit: 'groupingLimit',
  groups_grouping_limit: 'groupsGroupingLimit',
  keep_comment: 'keepComment',
  lowercase: 'lowercase',
  replace_null: 'replaceNull',
  no_digits: 'noDigits',
  normalize_digest_text: 'normalizeDigestText',
};
/** As ProxySQL: values outside are refused at LOAD and the old one stays. */
const LOWEST: Partial<Record<keyof DigestOptions, number>> = {
  groupingLimit: 1,
  maxDigestLength: 16,
  maxQueryLength: 16,
};

/** Follows the SET / UPDATE statements on mysql-query_digests_* until their LOAD. */
class Settings {
  #memory: Record<string, number | boolean> = { ...DEFAULT_DIGEST_OPTIONS };
  options: DigestOptions = DEFAULT_DIGEST_OPTIONS;

  apply(sql: string): void {
    const set = /^SET mysql-query_digests_(\w+)='(\w+)'/.exec(sql);
    const back = /^UPDATE global_variables .* WHERE variable_name='mysql-query_digests_(\w+)'$/.exec(sql);
    const option = OPTION_OF_VARIABLE[(set ?? back)?.[1] ?? ''];
    if (set !== null && option !== undefined) {
      const value = typeof DEFAULT_DIGEST_OPTIONS[option] === 'boolean' ? set[2] === 'true' : Number(set[2]);
      if (typeof value === 'boolean' || value >= (LOWEST[option] ?? 0)) this.#memory[option] = value;
    } else if (back !== null && option !== undefined) {
      this.#memory[option] = DEFAULT_DIGEST_OPTIONS[option];
    } else if (sql === 'LOAD MYSQL VARIABLES TO RUNTIME') {
      this.options = { ...(this.#memory as unknown as DigestOptions) };
    }
  }
}

function statementBytes(step: Step): Buffer {
  if (step.sql_hex !== undefined) return Buffer.from(step.sql_hex, 'hex');
  return Buffer.from((step.sql ?? '').replaceAll('{{X}}', 'x'.repeat(step.repeat ?? 0)), 'utf8');
}

const folder = process.env.SLUICE_GOLDEN;

describe('digests of a recorded ProxySQL', { skip: folder === undefined && 'SLUICE_GOLDEN is not set' }, () => {
  it('are ours, text and hash, step by step', () => {
    const transcript = JSON.parse(readFileSync(join(folder as string, '08-digests.json'), 'utf8')) as Transcript;
    const settings = new Settings();
    const differences: string[] = [];
    let sent: Buffer[] = [];
    let compared = 0;
    transcript.steps.forEach((step, index) => {
      const op = step.op ?? 'query';
      if (step.conn !== 'admin') {
        if (op === 'query' || op === 'prepare') sent.push(statementBytes(step));
        return;
      }
      settings.apply(step.sql ?? '');
      if (!(step.sql ?? '').includes('stats_mysql_query_digest')) return;
      const names = transcript.column_sets[step.reply?.columns ?? -1]?.map((column) => column.name) ?? [];
      const [digestAt, textAt] = [names.indexOf('digest'), names.indexOf('digest_text')];
      if (step.reply?.rows === undefined || digestAt < 0 || textAt < 0) {
        if (step.sql?.includes('_reset')) sent = [];
        return;
      }
      const ours = new Map<string, string>();
      const computer = new DigestComputer(settings.options);
      for (const bytes of sent) {
        computer.compute(bytes, 0, bytes.length);
        const text = computer.output.toString('utf8', 0, computer.shownLength);
        ours.set(text, formatDigest(computer.hash()));
      }
      for (const row of step.reply.rows) {
        compared += 1;
        const hash = ours.get(row[textAt] as string);
        if (hash !== row[digestAt]) {
          differences.push(
            `step ${index}: ${JSON.stringify(row[textAt])} ${row[digestAt]}; ours ${JSON.stringify([...ours])}`,
          );
        }
      }
      if (step.sql?.includes('_reset')) sent = [];
    });
    assert.deepEqual(differences, []);
    assert.ok(compared > 900, `only ${compared} rows compared`);
  });
});
