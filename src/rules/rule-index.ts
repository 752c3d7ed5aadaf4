/**
 * Finds the rules that can match a statement without looking at all of them: by flagIN, and by the most selective of
 * digest, username and schemaname. It only leaves out rules that could not match; the walk still tests every criterion.
 */
import type { CompiledRule } from './compile.ts';
import type { MatchInput } from './decision.ts';

type Rules = readonly CompiledRule[];

/** The rules of one flagIN; each rule is in exactly one list (and in `digests`, if it has a digest). */
interface Bucket {
  readonly byDigest: Map<bigint, CompiledRule[]>;
  readonly byUsername: Map<string, CompiledRule[]>;
  readonly bySchemaname: Map<string, CompiledRule[]>;
  readonly others: CompiledRule[];
  /** All rules with a digest: for statements without one, when that criterion passes. */
  readonly digests: CompiledRule[];
}

const NONE: Rules = [];
const LANES = 4;

/** Walks several ordered lists as one. Holds one walk at a time. */
export class RuleIndex {
  readonly #buckets = new Map<number, Bucket>();
  // the lists of the current walk and the place in each
  readonly #lanes: Rules[] = [NONE, NONE, NONE, NONE];
  readonly #places = [0, 0, 0, 0];
  readonly #all: Rules;

  constructor(rules: Rules) {
    this.#all = rules;
    for (const rule of rules) {
      const bucket = this.#bucket(rule.entry.flagIn);
      if (rule.digest !== undefined) {
        add(bucket.byDigest, rule.digest, rule);
        bucket.digests.push(rule);
      } else if (rule.username !== undefined) add(bucket.byUsername, rule.username, rule);
      else if (rule.schemaname !== undefined) add(bucket.bySchemaname, rule.schemaname, rule);
      else bucket.others.push(rule);
    }
  }

  /** Begins a walk through the rules with this flagIN whose order is at least `from`. */
  start(input: MatchInput, flag: number, from: number): void {
    const bucket = this.#buckets.get(flag);
    const lanes = this.#lanes;
    lanes[0] = bucket?.others ?? NONE;
    lanes[1] = bucket?.byUsername.get(input.username) ?? NONE;
    lanes[2] = bucket?.bySchemaname.get(input.schemaname) ?? NONE;
    lanes[3] = (input.digest === undefined ? bucket?.digests : bucket?.byDigest.get(input.digest)) ?? NONE;
    for (let lane = 0; lane < LANES; lane += 1) this.#places[lane] = placeOf(lanes[lane] ?? NONE, from);
  }

  /** As start, but nothing is left out: for a walk that is to say of every rule why it does not match. */
  startWithAll(from: number): void {
    this.#lanes.fill(NONE);
    this.#lanes[0] = this.#all;
    this.#places.fill(0);
    this.#places[0] = placeOf(this.#all, from);
  }

  /** The next rule in order, or undefined at the end. */
  next(): CompiledRule | undefined {
    let best: CompiledRule | undefined;
    let bestLane = 0;
    for (let lane = 0; lane < LANES; lane += 1) {
      const rule = this.#lanes[lane]?.[this.#places[lane] ?? 0];
      if (rule !== undefined && (best === undefined || rule.order < best.order)) {
        best = rule;
        bestLane = lane;
      }
    }
    if (best !== undefined) this.#places[bestLane] = (this.#places[bestLane] ?? 0) + 1;
    return best;
  }

  #bucket(flag: number): Bucket {
    let bucket = this.#buckets.get(flag);
    if (bucket === undefined) {
      bucket = { byDigest: new Map(), byUsername: new Map(), bySchemaname: new Map(), others: [], digests: [] };
      this.#buckets.set(flag, bucket);
    }
    return bucket;
  }
}

function add<K>(map: Map<K, CompiledRule[]>, key: K, rule: CompiledRule): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [rule]);
  else list.push(rule);
}

/** Index of the first rule whose order is at least `from`. */
function placeOf(rules: Rules, from: number): number {
  let low = 0;
  let high = rules.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rules[middle]?.order ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
