/** What a comment may ask for, and who may ask. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mayAnnotate, parseAnnotations } from '../../../src/rules/annotations.ts';

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
    ['HOSTGROUP=1', undefined],
    ['traceparent=00-abc;hostgroup=3', { hostgroup: 3 }],
    ['min_gtid=8a94f357-aab4-11df-86ab-c80aa9429562:1', undefined],
    ['just words', undefined],
    ['', undefined],
  ];
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
