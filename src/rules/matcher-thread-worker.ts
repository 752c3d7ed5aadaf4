/** The inside of a matcher thread: decides one statement after the other under a deadline. It keeps no queue. */
import { parentPort } from 'node:worker_threads';
import { compileRules } from './compile.ts';
import type { MatchInput } from './decision.ts';
import type { CompiledRules } from './match.ts';
import type { FromLane, ToLane } from './matcher-messages.ts';
import { Budget, OutOfBudget } from './regex/budget.ts';

/** Steps between two looks at the clock, about 2 ms. */
const STEPS_PER_LOOK = 100_000;

let rules: CompiledRules | undefined;

parentPort?.on('message', (message: ToLane) => {
  if (message.kind === 'rules') rules = compileRules(message.rules, message.options).rules;
  else {
    send({ kind: 'begun' });
    send(decide(message.input, message.limitMs));
  }
});

function decide(input: MatchInput, limitMs: number): FromLane {
  if (rules === undefined) return { kind: 'timeout', ruleId: 0 };
  const nowMs = (): number => performance.now();
  try {
    const budget = new Budget({ steps: STEPS_PER_LOOK, deadlineMs: nowMs() + limitMs, nowMs, renew: true });
    return { kind: 'decided', decision: rules.decide(input, budget) };
  } catch (error) {
    if (error instanceof OutOfBudget) return { kind: 'timeout', ruleId: rules.currentRuleId };
    throw error;
  }
}

function send(message: FromLane): void {
  parentPort?.postMessage(message);
}
