/**
 * What a walk through the rules tells when somebody asks why (EXPLAIN ROUTE). The walk in match.ts calls it; it decides
 * nothing, and a walk without a tracer costs a comparison with undefined.
 */
import type { CompiledRule } from './compile.ts';

/** The criteria of a rule, by their columns, in the order in which they are tested. */
export type Criterion =
  | 'flagIN'
  | 'username'
  | 'schemaname'
  | 'client_addr'
  | 'proxy_addr'
  | 'proxy_port'
  | 'digest'
  | 'match_digest'
  | 'match_pattern';

export interface RuleTracer {
  /** The rule does not match: the first criterion that failed, and what it was compared with. */
  missed(rule: CompiledRule, criterion: Criterion, compared: string): void;
  /** The rule matches; called before what it does is done. */
  hit(rule: CompiledRule): void;
  /** The rule changed the text (latin1). */
  rewrote(rule: CompiledRule, text: string): void;
  /** The walk goes on with the rules of this flagIN, from the first rule again or from where it is. */
  flagTaken(rule: CompiledRule, flag: number, fromTheFirst: boolean): void;
}
