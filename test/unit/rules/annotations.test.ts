/** What a comment may ask for, and who may ask. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { annotated, mayAnnotate, parseAnnotations } from '../../../src/rules/annotations.ts';
import { NO_DECISION } from '../../../src/rules/decision.ts';

const GTID = '8a94f357-aab4-11df-86ab-c80aa9429562:1';

describe('comment annotations', () => {
  const cases: [string, unknown][] = [
    ['hostgroup=1', { hostgroup: 1 }],
    [' hostgroup = 2 ; cache_ttl=500 ', { hostgroup: 2, cacheTtlMs: 500 }],
    [
      'query_delay=1;query_retries=2;query_timeout=3;mirror=4',
      { delayMs: 1, retries: 2, timeoutMs: 3, mirrorHostgroup: 4 },
    ],
    ['create_new_connection=1', { createNewConnection: true }],
    ['hostgroup=x', undefined],
    ['hostgroup=-1', undefined],
    ['hostgroup=99999999999', undefined],
    ['HOSTGROUP=1', { hostgroup: 1 }],
    ['traceparent=00-abc;hostgroup=3', { hostgroup: 3 }],
    [`min_gtid=${GTID}`, { minGtid: GTID }],
    [` Min_GTID = ${GTID}-5,${GTID} ; hostgroup=1`, { minGtid: `${GTID}-5,${GTID}`, hostgroup: 1 }],
    ['min_gtid=', undefined],
    ['max_lag_ms=0', { maxLagMs: 0 }],
    ['max_lag_ms=600000', { maxLagMs: 600_000 }],
    ['max_lag_ms=600001', undefined],
    ['min_epoch_ms=1700000000000', { minEpochMs: 1_700_000_000_000 }],
    ['just words', undefined],
    ['', undefined],
  ];
  it('what has to be seen goes with the decision; what is no set of transaction ids refuses the statement', () => {
    const asOf = (comment: string) => annotated(NO_DECISION, parseAnnotations(comment) ?? {});
    assert.equal(asOf(`min_gtid=${GTID}`).asOf?.gtids?.toString(), `${GTID}-1`);
    assert.deepEqual(asOf('max_lag_ms=5;min_epoch_ms=7').asOf, { gtids: undefined, maxLagMs: 5, minEpochMs: 7 });
    assert.equal(asOf('hostgroup=1').asOf, undefined);
    for (const bad of ['latest', 'x:1', GTID.slice(1), `${GTID};`.slice(0, 36)])
      assert.match(asOf(`min_gtid=${bad}`).errorMsg ?? '', /no set of transaction ids/, bad);
    assert.equal(annotated({ ...NO_DECISION, errorMsg: 'no' }, { minGtid: 'x' }).errorMsg, 'no');
  });

  for (const [comment, expected] of cases) {
    it(`/* ${comment} */`, () => assert.deepEqual(parseAnnotations(comment), expected));
  }

  it('a user may be told apart by attributes; what is no clear yes is a no', () => {
    assert.equal(mayAnnotate(''), undefined);
    assert.equal(mayAnnotate('{"spiffe_id":"x"}'), undefined);
    assert.equal(mayAnnotate('{"query_annotations":true}'), true);
    assert.equal(mayAnnotate('{"query_annotations":false}'), false);
    assert.equal(mayAnnotate('{"query_annotations":"yes"}'), false);
    assert.equal(mayAnnotate('{"query_annotations":'), false);
  });
});
