/** The walk as it is told to EXPLAIN ROUTE, and rules that are only tried out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Logger } from '../../../src/observe/logger.ts';
import { type CompiledRule, compileRules } from '../../../src/rules/compile.ts';
import type { Decision, MatchInput } from '../../../src/rules/decision.ts';
import { unlimitedBudget } from '../../../src/rules/regex/budget.ts';
import type { RuleTracer } from '../../../src/rules/trace.ts';
import { DryRunLog, dryRunLogIntervalMs } from '../../../src/session/dry-run-log.ts';
import { Random } from '../../helpers/random.ts';
import { input, rule } from './helpers.ts';

type Rule = Parameters<typeof rule>[0];

function walk(
  rules: readonly Rule[],
  given: Partial<MatchInput>,
  iterations = 0,
): { readonly lines: string[]; readonly decision: Decision; readonly silently: Decision } {
  const lines: string[] = [];
  const id = ({ entry }: CompiledRule): number => entry.ruleId;
  const tracer: RuleTracer = {
    missed: (r, criterion, compared) => lines.push(`${id(r)} ${criterion} ${compared}`),
    hit: (r) => lines.push(`${id(r)} hit`),
    rewrote: (r, text) => lines.push(`${id(r)} rewrote ${text}`),
    flagTaken: (r, flag, fromTheFirst) => lines.push(`${id(r)} flag ${flag}${fromTheFirst ? ' from the first' : ''}`),
  };
  const compiled = compileRules(rules.map(rule), { iterations, regexEngine: 1 }).rules;
  const decision = compiled.decide(input(given), unlimitedBudget(), tracer);
  return { lines, decision, silently: compiled.decide(input(given)) };
}

describe('a walk with a tracer', () => {
  it('tells of every rule: a hit, or the first criterion that fails and what it was compared with', () => {
    const rules: Rule[] = [
      { ruleId: 1, username: 'bob' },
      { ruleId: 2, schemaname: 'x' },
      { ruleId: 3, clientAddr: '10.%' },
      { ruleId: 4, proxyAddr: '1.2.3.4' },
      { ruleId: 5, proxyPort: 1 },
      { ruleId: 6, digest: '0x1' },
      { ruleId: 7, matchDigest: '^UPDATE' },
      { ruleId: 8, matchPattern: '^UPDATE' },
      { ruleId: 9, flagIn: 5 },
      { ruleId: 10, matchPattern: 'a', replacePattern: 'b' },
      { ruleId: 11, matchPattern: 'a', flagOut: 5 },
      { ruleId: 12, matchPattern: 'SELECT b', flagOut: 5 },
      { ruleId: 13, flagIn: 5, apply: true },
      { ruleId: 14, flagIn: 5 },
    ];
    const given = {
      username: 'app',
      schemaname: 'shop',
      clientAddress: '192.168.0.1',
      proxyAddress: '127.0.0.1',
      proxyPort: 6033,
      digest: 0xabcn,
      digestText: 'SELECT a',
      query: 'SELECT a',
    };
    assert.deepEqual(walk(rules, given).lines, [
      '1 username app',
      '2 schemaname shop',
      '3 client_addr 192.168.0.1',
      '4 proxy_addr 127.0.0.1',
      '5 proxy_port 6033',
      '6 digest 0xABC',
      '7 match_digest SELECT a',
      '8 match_pattern SELECT a',
      '9 flagIN 0',
      '10 hit',
      '10 rewrote SELECT b',
      '11 match_pattern SELECT b',
      '12 hit',
      '12 flag 5',
      '13 hit',
    ]);
  });

  it('tells when the walk begins again', () => {
    const rules: Rule[] = [
      { ruleId: 1, flagIn: 7, apply: true },
      { ruleId: 2, flagOut: 7 },
    ];
    assert.deepEqual(walk(rules, {}, 1).lines, ['1 flagIN 0', '2 hit', '2 flag 7 from the first', '1 hit']);
  });

  it('decides what a walk without one decides, for any rules', () => {
    const random = new Random(20_260_101);
    for (let round = 0; round < 400; round += 1) {
      const rules = Array.from({ length: 1 + random.below(8) }, (_, index) => randomRule(random, index + 1));
      const given = {
        username: random.pick(['a', 'b']),
        schemaname: random.pick(['s', 't']),
        query: random.pick(['ab', 'ba', 'c']),
      };
      const { decision, silently } = walk(rules, { ...given, digestText: given.query, digest: 1n }, random.below(3));
      assert.deepEqual(decision, silently, JSON.stringify({ rules, given }));
    }
  });
});

function randomRule(random: Random, ruleId: number): Rule {
  const maybe = <T>(value: T): T | null => (random.below(3) === 0 ? value : null);
  return {
    ruleId,
    flagIn: random.below(3),
    flagOut: maybe(random.below(3)),
    username: maybe(random.pick(['a', 'b'])),
    schemaname: maybe(random.pick(['s', 't'])),
    digest: maybe(random.pick(['0x1', '0x2'])),
    matchPattern: maybe(random.pick(['a', '^b', 'c'])),
    replacePattern: maybe('z'),
    destinationHostgroup: maybe(random.below(5)),
    apply: random.below(6) === 0,
    attributes: random.below(6) === 0 ? '{"dry_run":true}' : '',
  };
}

describe('a rule that says dry_run', () => {
  const trial: Rule = {
    ruleId: 1,
    matchPattern: 'a',
    replacePattern: 'b',
    destinationHostgroup: 9,
    errorMsg: 'no',
    flagOut: 3,
    apply: true,
    attributes: '{"dry_run": true}',
  };

  it('counts its hit and does nothing else', () => {
    const { decision } = walk([trial, { ruleId: 2, destinationHostgroup: 1 }], { query: 'a' });
    assert.deepEqual(decision.hitRules, [1, 2]);
    assert.deepEqual(decision.dryRunRules, [1]);
    assert.deepEqual(
      [decision.destinationHostgroup, decision.errorMsg, decision.rewrittenQuery, decision.flagOut],
      [1, undefined, undefined, -1],
    );
  });

  it('acts when it says false, and does not when nobody knows what it says', () => {
    const hostgroup = (attributes: string): number =>
      walk([{ ...trial, attributes }], { query: 'a' }).decision.destinationHostgroup;
    assert.equal(hostgroup('{"dry_run": false}'), 9);
    assert.equal(hostgroup('{"dry_run": 1}'), -1);
    const { problems } = compileRules([rule({ ...trial, attributes: '{"dry_run": "yes"}' })], {
      iterations: 0,
      regexEngine: 1,
    });
    assert.match(problems[0]?.reason ?? '', /^dry_run must be true or false/);
  });

  it('is logged once in an interval, with the number of hits', () => {
    const lines: unknown[] = [];
    let nowMs = 0;
    const logger = { info: (fields: { hits: number }) => lines.push(fields.hits) } as unknown as Logger;
    const log = new DryRunLog(logger, () => nowMs);
    const hit = { username: 'u', schema: 's', digest: '0x1', digestText: 'SELECT ?' };
    log.note([1], hit);
    for (let i = 0; i < 5; i += 1) log.note([1], hit);
    nowMs = dryRunLogIntervalMs;
    log.note([1, 2], hit);
    assert.deepEqual(lines, [1, 6, 1]);
  });
});
