/**
 * What is wrong with query rules, told by the compiler the workers use: a pattern that is reported here is one that
 * never matches there. It keeps nothing of what it compiles.
 */
import { compileRules } from '../../src/rules/compile.ts';
import type { CheckRules } from './module.ts';

export const checkRules: CheckRules = (rules, options) =>
  compileRules(rules, options).problems.map(({ ruleId, column, reason }) => ({ ruleId, column, reason }));
