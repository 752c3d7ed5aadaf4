/** What the event loop and a matcher thread say to each other. Types only. */
import type { QueryRuleEntry } from '../../runtime/snapshot.ts';
import type { CompileOptions } from './compile.ts';
import type { Decision, MatchInput } from './decision.ts';

export type ToLane =
  | { readonly kind: 'rules'; readonly rules: readonly QueryRuleEntry[]; readonly options: CompileOptions }
  | { readonly kind: 'decide'; readonly input: MatchInput; readonly limitMs: number };

export type FromLane =
  /** The statement's time runs from here: starting the thread and compiling rules is not its fault. */
  | { readonly kind: 'begun' }
  | { readonly kind: 'decided'; readonly decision: Decision }
  | { readonly kind: 'timeout'; readonly ruleId: number };
