import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendConnection } from '../../../src/backend/backend-connection.ts';
import {
  Admission,
  busyConnectionsMin,
  busySoonFreeMs,
  stalledMs,
  thinkingMs,
} from '../../../src/hostgroup/admission.ts';

const NOW = 1_000;

function connections(count: number, state: Partial<BackendConnection>): Set<BackendConnection> {
  return new Set(Array.from({ length: count }, () => ({ ...state }) as BackendConnection));
}

describe('how many connections of a server are at work at once', () => {
  const working = { idle: false, headSinceMs: NOW - 1, answeredAtMs: 0 };

  it('are few at first', () => {
    const admission = new Admission();
    assert.equal(admission.admits(connections(busyConnectionsMin - 1, working), NOW), true);
    assert.equal(admission.admits(connections(busyConnectionsMin, working), NOW), false);
  });

  it('do not count those that are slow', () => {
    const slow = { ...working, headSinceMs: NOW - busySoonFreeMs };
    assert.equal(new Admission().admits(connections(50, slow), NOW), true);
  });

  it('do not count those whose clients think', () => {
    const thinking = { idle: true, headSinceMs: 0, answeredAtMs: NOW - thinkingMs };
    assert.equal(new Admission().admits(connections(50, thinking), NOW), true);
    const quick = { ...thinking, answeredAtMs: NOW };
    assert.equal(new Admission().admits(connections(50, quick), NOW), false);
  });

  it('become more while answers stay as quick, and fewer when they do not', () => {
    const admission = new Admission();
    const look = (ms: number) => {
      for (let i = 0; i < 200; i += 1) admission.noteAnswer(ms, NOW);
      admission.waited = 1;
      admission.adapt();
    };
    for (let i = 0; i < 10; i += 1) look(1);
    const many = admission.limit;
    assert.ok(many > 3 * busyConnectionsMin, String(many));
    for (let i = 0; i < 50; i += 1) look(20);
    assert.equal(admission.limit, busyConnectionsMin);
  });

  it('count those that only take as long as everything does on a crowded server', () => {
    const admission = new Admission();
    for (let i = 0; i < 200; i += 1) admission.noteAnswer(busySoonFreeMs, NOW);
    const slow = { ...working, headSinceMs: NOW - 2 * busySoonFreeMs };
    assert.equal(admission.admits(connections(50, slow), NOW), false);
    const thinking = { idle: true, headSinceMs: 0, answeredAtMs: NOW - busySoonFreeMs };
    assert.equal(admission.admits(connections(50, thinking), NOW), false, 'and clients who have as little processor');
  });

  it('is not told by the time in which the server answered nobody', () => {
    const admission = new Admission();
    admission.noteAnswer(1, NOW);
    admission.noteAnswer(1, NOW + 1);
    assert.equal(admission.ownMs(1), 1);
    const gapMs = stalledMs * 3;
    admission.noteAnswer(gapMs + 2, NOW + 1 + gapMs);
    assert.equal(admission.ownMs(gapMs + 2), 2);
    admission.noteAnswer(1, NOW + 2 + gapMs);
    assert.equal(admission.ownMs(1), 1);
  });

  it('stay as they are while nobody waits', () => {
    const admission = new Admission();
    for (let i = 0; i < 10; i += 1) {
      admission.noteAnswer(1, NOW);
      admission.adapt();
    }
    assert.equal(admission.limit, busyConnectionsMin);
  });
});
