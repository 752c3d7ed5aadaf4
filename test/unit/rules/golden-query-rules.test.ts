/**
 * Plays the recorded query-rules transcript of a real ProxySQL against compileRules: what its echoing backend received
 * is what our rules must make of the same statement. Runs when SLUICE_GOLDEN names the folder of the transcripts.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { executeSql } from '../../../admin/db/execute.ts';
import { openAdminDatabase } from '../../../admin/db/open.ts';
import { buildQueryRules, type TableRow } from '../../../runtime/build-snapshot.ts';
import { compileRules, toBytes } from '../../../src/rules/compile.ts';
import type { Decision } from '../../../src/rules/decision.ts';
import type { CompiledRules } from '../../../src/rules/match.ts';
import { DigestCache } from '../../../src/sql/digest-cache.ts';
import { input } from './helpers.ts';

interface Reply {
  readonly type: string;
  readonly code?: number;
  readonly rows?: readonly (readonly (string | null)[])[];
  readonly message?: string;
  readonly info?: string;
}

interface Step {
  readonly conn?: string;
  readonly op?: string;
  readonly sql?: string;
  readonly db?: string;
  readonly reply?: Reply;
  readonly withheld?: boolean;
}

const folder = process.env.SLUICE_GOLDEN;
const MYSQL_PORT = 26033;
/** Statements ProxySQL answers, or counts, without the backend seeing them. */
const LOCAL = /^(USE|SET|BEGIN|COMMIT|INSERT)\b/i;

describe('the recorded transcript of query rules', { skip: folder === undefined }, () => {
  it('gives the texts, errors, answers and hits of ProxySQL', () => {
    const path = join(folder ?? '', '07-query-rules.json');
    const { steps } = JSON.parse(readFileSync(path, 'utf8')) as { readonly steps: readonly Step[] };
    const player = new Player();
    try {
      steps.forEach((step, number) => {
        player.play(step, number);
      });
    } finally {
      player.close();
    }
    assert.deepEqual(player.differences, []);
    assert.ok(player.compared > 90, `only ${player.compared} replies were compared`);
  });
});

class Player {
  readonly differences: unknown[] = [];
  compared = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-golden-'));
  readonly #db = openAdminDatabase({ dataDir: this.#folder, initial: true });
  readonly #digests = new DigestCache();
  readonly #schemas = new Map<string, string>();
  #rules: CompiledRules = compileRules([], { iterations: 0, regexEngine: 1 }).rules;
  #hits = new Map<number, number>();
  /** A statement was played whose hits depend on more than the rules. */
  #hitsUncertain = false;
  #engineInMemory: 1 | 2 = 1;
  #engine: 1 | 2 = 1;

  close(): void {
    this.#db.close();
    rmSync(this.#folder, { recursive: true });
  }

  play(step: Step, number: number): void {
    const { conn = '' } = step;
    const sql = step.sql?.replaceAll('{{MYSQL_PORT}}', String(MYSQL_PORT));
    if (conn === 'admin') {
      if (step.op === undefined && sql !== undefined) this.#admin(sql, step, number);
    } else if (step.op === 'connect' || step.op === 'init_db') this.#schemas.set(conn, step.db ?? '');
    else if (conn.startsWith('app') || conn === 'real') this.#statement(sql ?? '', conn, step, number);
  }

  #admin(sql: string, step: Step, number: number): void {
    const set = /^SET mysql-query_processor_regex=([12])$/.exec(sql);
    if (set !== null) this.#engineInMemory = set[1] === '2' ? 2 : 1;
    else if (sql === 'LOAD MYSQL VARIABLES TO RUNTIME') this.#engine = this.#engineInMemory;
    else if (sql === 'LOAD MYSQL QUERY RULES TO RUNTIME') this.#load();
    else if (/^(INSERT INTO|DELETE FROM|UPDATE) mysql_query_rules\b(?!_fast)/.test(sql)) this.#change(sql);
    else if (/^SELECT rule_id, hits FROM stats_mysql_query_rules/.test(sql)) this.#compareHits(step, number);
  }

  #change(sql: string): void {
    try {
      executeSql(this.#db.handle, sql);
    } catch (error) {
      // one INSERT of the transcript is refused by a CHECK, here as there
      assert.match(String(error), /CHECK constraint/);
    }
  }

  #load(): void {
    const rows = this.#db.handle.prepare('SELECT * FROM main.mysql_query_rules ORDER BY rule_id').all() as TableRow[];
    const { entries } = buildQueryRules(rows);
    this.#rules = compileRules(entries, { iterations: 0, regexEngine: this.#engine }).rules;
    this.#hits = new Map(entries.map(({ ruleId }) => [ruleId, 0]));
    this.#hitsUncertain = false;
  }

  #statement(sql: string, conn: string, step: Step, number: number): void {
    if (step.op !== undefined && step.op !== 'prepare') return;
    const use = /^USE (\w+)$/.exec(sql);
    if (use !== null) this.#schemas.set(conn, use[1] ?? '');
    if (LOCAL.test(sql) || step.op === 'prepare') this.#hitsUncertain = true;
    const decision = this.#decide(sql, conn);
    for (const id of decision.hitRules) this.#hits.set(id, (this.#hits.get(id) ?? 0) + 1);
    if (step.withheld === true || LOCAL.test(sql) || step.reply === undefined) return;
    const expected = expectation(step.reply);
    if (expected === undefined) return;
    this.#compare(number, sql, expected, outcome(sql, decision));
  }

  #decide(sql: string, conn: string): Decision {
    const bytes = Buffer.from(sql, 'utf8');
    const entry = this.#digests.lookup(bytes, 0, bytes.length);
    return this.#rules.decide(
      input({
        username: conn.split('#')[0] ?? '',
        schemaname: this.#schemas.get(conn) ?? 'information_schema',
        proxyPort: MYSQL_PORT,
        digest: entry.digest,
        digestText: entry.digestText,
        query: toBytes(sql),
      }),
    );
  }

  #compareHits(step: Step, number: number): void {
    if (step.reply?.rows === undefined || this.#hitsUncertain) return;
    const hits = [...this.#hits].sort(([a], [b]) => a - b).map(([id, count]) => [String(id), String(count)]);
    this.#compare(number, 'hits', step.reply.rows, hits);
  }

  #compare(number: number, sql: string, expected: unknown, found: unknown): void {
    this.compared += 1;
    if (JSON.stringify(expected) !== JSON.stringify(found)) this.differences.push({ number, sql, expected, found });
  }
}

/** What the reply tells about the rules; undefined when it tells nothing. */
function expectation(reply: Reply): unknown {
  // other errors come from the servers
  if (reply.type === 'err') return reply.code === 1148 ? { error: reply.message } : undefined;
  if (reply.type === 'ok') return { ok: reply.info ?? '' };
  const row = reply.rows?.[0];
  // only the echoing backend answers with three columns q, db, conn
  return reply.type === 'resultset' && row?.length === 3 && reply.rows?.length === 1 ? { text: row[0] } : undefined;
}

function outcome(sql: string, decision: Decision): unknown {
  if (decision.okMsg !== undefined) return { ok: decision.okMsg };
  if (decision.errorMsg !== undefined) return { error: decision.errorMsg };
  const text = decision.rewrittenQuery;
  return { text: text === undefined ? sql : Buffer.from(text, 'latin1').toString('utf8') };
}
