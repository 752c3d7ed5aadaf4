/** Tree to instructions for backtracker.ts. Source of the machine: R. Cox, "Regular Expression Matching: the Virtual Machine Approach". */
import { regexProgramMax } from '../limits.ts';
import {
  type AssertKind,
  firstBytes,
  isNullable,
  lengthOf,
  type Node,
  type ParsedPattern,
  PatternError,
  walk,
} from './ast.ts';
import type { ByteSet } from './byte-set.ts';
import { isAnchored } from './cost.ts';

export const Op = {
  match: 0,
  /** a: the byte */
  byte: 1,
  /** a: index of the set */
  set: 2,
  /** a: tried first, b: tried second, c: number in the memo or -1 */
  split: 3,
  /** a: target */
  jump: 4,
  /** a: slot that takes the position */
  save: 5,
  /** a: slot, b: target when the position is still the slot's: an empty iteration ends its loop */
  leaveIfEmpty: 6,
  /** a: AssertKind as its index in ASSERT_KINDS */
  assert: 7,
  /** a: 1 = negated, b: target behind; the body follows and ends in match */
  look: 8,
  /** b: target behind; the body follows and ends in match */
  atomic: 9,
  /** a: bytes to step back */
  back: 10,
  /** a: group, b: 1 = caseless */
  backreference: 11,
} as const;

/** Numbers per instruction: op, a, b, c. */
export const OP_SIZE = 4;

export const ASSERT_KINDS: readonly AssertKind[] = [
  'start',
  'end',
  'end-or-final-newline',
  'line-start',
  'after-newline',
  'line-end',
  'word-boundary',
  'not-word-boundary',
  'search-start',
];

export interface Program {
  readonly code: Int32Array;
  readonly sets: readonly ByteSet[];
  readonly groups: number;
  /** Two per group, group 0 being the whole match, then one per loop that needs its begin. */
  readonly slots: number;
  /** Splits whose outcome depends on the position only; each (split, position) is tried once. */
  readonly memoSplits: number;
  /** The memo also leaves captures as they would be without it. Not so when a loop may go round without a byte. */
  readonly memoKeepsCaptures: boolean;
  readonly first: ByteSet | undefined;
  readonly anchored: boolean;
}

/** Throws PatternError when the program would be too large: `(a{1000}){1000}`. */
export function checkProgramSize(root: Node): void {
  if (instructionsOf(root) > regexProgramMax) throw new PatternError('pattern too large', 0);
}

/** Instructions of a node, from above. */
function instructionsOf(node: Node): number {
  switch (node.kind) {
    case 'sequence':
      return node.items.reduce((sum, item) => sum + instructionsOf(item), 0);
    case 'alternation':
      return node.branches.reduce((sum, branch) => sum + instructionsOf(branch) + 3, 0);
    case 'repeat': {
      const copies = node.max === Number.POSITIVE_INFINITY ? Math.max(1, node.min) : node.max;
      return (instructionsOf(node.body) + 1) * copies + 5;
    }
    case 'group':
    case 'atomic':
    case 'look':
      return instructionsOf(node.body) + 3;
    default:
      return 1;
  }
}

/** Compiles what checkProgramSize has let through. */
export function compileProgram(parsed: ParsedPattern): Program {
  return new Compiler(parsed).compile();
}

class Compiler {
  readonly #parsed: ParsedPattern;
  readonly #code: number[] = [];
  readonly #sets: ByteSet[] = [];
  readonly #setIndex = new Map<ByteSet, number>();
  readonly #memo: boolean;
  #slots: number;
  #memoSplits = 0;
  #emptyLoops = false;
  /** Depth of lookarounds and atomic groups: inside, a second visit may succeed. */
  #inner = 0;

  constructor(parsed: ParsedPattern) {
    this.#parsed = parsed;
    this.#slots = 2 * (parsed.groups + 1);
    let memo = true;
    walk(parsed.root, (node) => {
      if (node.kind === 'backreference') memo = false;
    });
    this.#memo = memo;
  }

  compile(): Program {
    const { root, groups } = this.#parsed;
    this.#node(root);
    this.#emit(Op.match);
    return {
      code: Int32Array.from(this.#code),
      sets: this.#sets,
      groups,
      slots: this.#slots,
      memoSplits: this.#memoSplits,
      memoKeepsCaptures: !this.#emptyLoops,
      first: firstBytes(root),
      anchored: isAnchored(root),
    };
  }

  #emit(op: number, a = 0, b = 0, c = 0): number {
    this.#code.push(op, a, b, c);
    return this.#code.length - OP_SIZE;
  }

  get #here(): number {
    return this.#code.length;
  }

  #node(node: Node): void {
    switch (node.kind) {
      case 'set':
        this.#set(node.set);
        break;
      case 'sequence':
        for (const item of node.items) this.#node(item);
        break;
      case 'alternation':
        this.#alternation(node.branches);
        break;
      case 'group':
        this.#emit(Op.save, 2 * node.index);
        this.#node(node.body);
        this.#emit(Op.save, 2 * node.index + 1);
        break;
      case 'repeat':
        if (node.mode === 'possessive') this.#nested(Op.atomic, 0, () => this.#repeat(node));
        else this.#repeat(node);
        break;
      case 'atomic':
        this.#nested(Op.atomic, 0, () => this.#node(node.body));
        break;
      case 'look':
        this.#nested(Op.look, node.negated ? 1 : 0, () =>
          node.ahead ? this.#node(node.body) : this.#behind(node.body),
        );
        break;
      case 'assert':
        this.#emit(Op.assert, ASSERT_KINDS.indexOf(node.assert));
        break;
      case 'backreference':
        this.#emit(Op.backreference, node.index, node.caseless ? 1 : 0);
        break;
      case 'keep':
        this.#emit(Op.save, 0);
    }
  }

  #set(set: ByteSet): void {
    const only = set.indexOf(1);
    if (only >= 0 && set.lastIndexOf(1) === only) {
      this.#emit(Op.byte, only);
      return;
    }
    let index = this.#setIndex.get(set);
    if (index === undefined) {
      index = this.#sets.push(set) - 1;
      this.#setIndex.set(set, index);
    }
    this.#emit(Op.set, index);
  }

  #split(): number {
    const memo = this.#memo && this.#inner === 0;
    const at = this.#emit(Op.split, 0, 0, memo ? this.#memoSplits : -1);
    if (memo) this.#memoSplits += 1;
    return at;
  }

  /** Makes the split at `at` try what follows it first (or second, when lazy), and `exit` otherwise. */
  #aim(at: number, exit: number, lazy: boolean): void {
    this.#code[at + 1] = lazy ? exit : at + OP_SIZE;
    this.#code[at + 2] = lazy ? at + OP_SIZE : exit;
  }

  #alternation(branches: readonly Node[]): void {
    const jumps: number[] = [];
    branches.forEach((branch, i) => {
      const split = i < branches.length - 1 ? this.#split() : -1;
      this.#node(branch);
      if (split < 0) return;
      jumps.push(this.#emit(Op.jump));
      this.#aim(split, this.#here, false);
    });
    for (const jump of jumps) this.#code[jump + 1] = this.#here;
  }

  #repeat(node: Node & { readonly kind: 'repeat' }): void {
    const { body, min, max } = node;
    const lazy = node.mode === 'lazy';
    const bounded = max !== Number.POSITIVE_INFINITY;
    for (let i = bounded ? 0 : 1; i < min; i += 1) this.#node(body);
    if (!bounded) {
      this.#loop(body, min === 0, lazy);
      return;
    }
    const splits: number[] = [];
    for (let i = min; i < max; i += 1) {
      splits.push(this.#split());
      this.#node(body);
    }
    for (const split of splits) this.#aim(split, this.#here, lazy);
  }

  /** body, then again as long as it goes; an iteration without a byte is the last one. */
  #loop(body: Node, optional: boolean, lazy: boolean): void {
    const skip = optional ? this.#split() : -1;
    const begin = this.#here;
    const slot = isNullable(body) ? this.#slots++ : -1;
    if (slot >= 0) {
      this.#emptyLoops = true;
      this.#emit(Op.save, slot);
    }
    this.#node(body);
    const check = slot >= 0 ? this.#emit(Op.leaveIfEmpty, slot) : -1;
    const again = optional ? this.#emit(Op.jump, skip) : this.#split();
    const exit = this.#here;
    if (check >= 0) this.#code[check + 2] = exit;
    if (skip >= 0) this.#aim(skip, exit, lazy);
    else {
      this.#code[again + 1] = lazy ? exit : begin;
      this.#code[again + 2] = lazy ? begin : exit;
    }
  }

  #nested(op: number, a: number, inside: () => void): void {
    const at = this.#emit(op, a);
    this.#inner += 1;
    inside();
    this.#inner -= 1;
    this.#emit(Op.match);
    this.#code[at + 2] = this.#here;
  }

  /** Each branch of a lookbehind has its own fixed length. */
  #behind(body: Node): void {
    const branches = body.kind === 'alternation' ? body.branches : [body];
    const stepped = branches.map((branch) => ({ branch, length: lengthOf(branch).min }));
    const jumps: number[] = [];
    stepped.forEach(({ branch, length }, i) => {
      const split = i < stepped.length - 1 ? this.#split() : -1;
      this.#emit(Op.back, length);
      this.#node(branch);
      if (split < 0) return;
      jumps.push(this.#emit(Op.jump));
      this.#aim(split, this.#here, false);
    });
    for (const jump of jumps) this.#code[jump + 1] = this.#here;
  }
}
