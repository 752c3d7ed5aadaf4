import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServerPicker } from '../../../src/hostgroup/server-picker.ts';

function candidate(name: string, weight: number) {
  return { name, entry: { weight } };
}

function shares(picks: number, weights: readonly number[], every = 1): number[] {
  const candidates = weights.map((weight, index) => candidate(String(index), weight));
  const picker = new ServerPicker<(typeof candidates)[number]>(0);
  const counts = weights.map(() => 0);
  for (let i = 0; i < picks * every; i++) {
    const index = Number(picker.pick(candidates)?.name);
    if (i % every === 0) counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts.map((count) => count / picks);
}

describe('choice by weight', () => {
  it('gives equal servers equal shares within two percent after a hundred picks', () => {
    for (const share of shares(100, [1, 1])) assert.ok(Math.abs(share - 0.5) <= 0.02, String(share));
  });

  it('follows the weights', () => {
    const [a = 0, b = 0, c = 0] = shares(1000, [1, 2, 7]);
    assert.ok(Math.abs(a - 0.1) < 0.01 && Math.abs(b - 0.2) < 0.01 && Math.abs(c - 0.7) < 0.01, `${a} ${b} ${c}`);
  });

  it('is fair to a client whose every second, third or fourth statement is looked at', () => {
    for (const every of [2, 3, 4]) {
      for (const share of shares(1000, [1, 1], every)) assert.ok(Math.abs(share - 0.5) < 0.02, `${every}: ${share}`);
    }
  });

  it('has no answer without candidates', () => {
    assert.equal(new ServerPicker(0).pick([]), undefined);
  });
});
