import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  crowdedBestMs,
  crowdedUsualMs,
  DigestPace,
  paceLessonsMin,
  penaltyStatements,
  quickAnswerBytesMax,
  quickMs,
  slowAnswerMs,
} from '../../../src/session/digest-pace.ts';

function taught(ms: number, bytes = 100): DigestPace {
  const pace = new DigestPace();
  for (let i = 0; i < 100; i += 1) pace.learn(ms, bytes, 0.1);
  return pace;
}

describe('how quick the statements of a digest are', () => {
  it('is not known at first', () => {
    const pace = new DigestPace();
    for (let i = 0; i < paceLessonsMin; i += 1) {
      assert.equal(pace.pace(), 'unknown');
      pace.learn(0.2, 100, 0.1);
    }
    assert.equal(pace.pace(), 'quick');
  });

  it('is seen in their answers', () => {
    assert.equal(taught(quickMs / 2).pace(), 'quick');
    assert.equal(taught(quickMs * 2).pace(), 'slow');
    assert.equal(taught(0.1, quickAnswerBytesMax * 2).pace(), 'slow');
  });

  it('is not forgotten for one that took long on a busy machine', () => {
    const pace = taught(0.2);
    pace.learn(slowAnswerMs + 1, 100, slowAnswerMs / 2);
    assert.equal(pace.pace(), 'quick');
  });

  it('is judged by what is usual where everything takes long, if it has ever been quick', () => {
    const usualMs = quickMs * 4;
    const learnt = (best: number, ms: number, serverMs: number): string => {
      const pace = taught(quickMs * 4);
      pace.learn(best, 100, serverMs);
      for (let i = 0; i < 50; i += 1) pace.learn(ms, 100, serverMs);
      return pace.pace();
    };
    assert.equal(learnt(crowdedBestMs / 2, usualMs, usualMs), 'quick');
    assert.equal(learnt(crowdedBestMs * 2, usualMs, usualMs), 'slow');
    assert.equal(learnt(crowdedBestMs / 2, usualMs, quickMs), 'slow');
    assert.equal(learnt(crowdedBestMs / 2, crowdedUsualMs * 4, crowdedUsualMs * 4), 'slow');
  });

  it('is not in doubt for one that took long while its server answered nobody', () => {
    const pace = taught(0.2);
    pace.learn(slowAnswerMs * 2, 100, 0.2, slowAnswerMs);
    assert.equal(pace.pace(), 'quick');
  });

  it('is in doubt for a while after one that took long while others did not', () => {
    const pace = taught(0.2);
    pace.learn(slowAnswerMs + 1, 100, 0.2);
    for (let i = 0; i < penaltyStatements; i += 1) assert.equal(pace.pace(), 'penalty');
    assert.equal(pace.pace(), 'quick');
  });
});
