/** The tree a parsed pattern becomes, and facts every reader of it needs. It neither parses nor matches. */
import { ANY_BYTE, addAll, type ByteSet, byteSet } from './byte-set.ts';

export type AssertKind =
  /** `\A`, and `^` outside (?m). */
  | 'start'
  /** `\z`, and `$` of RE2 outside (?m). */
  | 'end'
  /** `\Z`, and `$` of PCRE outside (?m): the end, or before a newline that is the last byte. */
  | 'end-or-final-newline'
  /** `^` of PCRE in (?m): the start, or after a newline that is not the last byte. */
  | 'line-start'
  /** `^` of RE2 in (?m): the start, or after any newline. */
  | 'after-newline'
  /** `$` in (?m): before a newline, or the end. */
  | 'line-end'
  | 'word-boundary'
  | 'not-word-boundary'
  /** `\G`: where this search began. */
  | 'search-start';

export type RepeatMode = 'greedy' | 'lazy' | 'possessive';

export type Node =
  | { readonly kind: 'set'; readonly set: ByteSet }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'alternation'; readonly branches: readonly Node[] }
  | {
      readonly kind: 'repeat';
      readonly body: Node;
      readonly min: number;
      /** Infinity for no bound. */
      readonly max: number;
      readonly mode: RepeatMode;
    }
  | { readonly kind: 'group'; readonly index: number; readonly body: Node }
  | { readonly kind: 'atomic'; readonly body: Node }
  | { readonly kind: 'look'; readonly ahead: boolean; readonly negated: boolean; readonly body: Node }
  | { readonly kind: 'assert'; readonly assert: AssertKind }
  | { readonly kind: 'backreference'; readonly index: number; readonly caseless: boolean }
  /** `\K`: the match begins here. */
  | { readonly kind: 'keep' };

export interface ParsedPattern {
  readonly root: Node;
  /** Highest group number. */
  readonly groups: number;
}

/** A pattern that cannot be used; `offset` counts bytes from its begin. */
export class PatternError extends Error {
  readonly offset: number;

  constructor(reason: string, offset: number) {
    super(reason);
    this.offset = offset;
  }
}

export const EMPTY: Node = { kind: 'sequence', items: [] };

/** Shortest and longest number of bytes a node can match; a backreference counts as 0 to Infinity. */
export function lengthOf(node: Node): { readonly min: number; readonly max: number } {
  switch (node.kind) {
    case 'set':
      return { min: 1, max: 1 };
    case 'sequence': {
      let min = 0;
      let max = 0;
      for (const item of node.items) {
        const length = lengthOf(item);
        min += length.min;
        max += length.max;
      }
      return { min, max };
    }
    case 'alternation': {
      const lengths = node.branches.map(lengthOf);
      return { min: Math.min(...lengths.map((l) => l.min)), max: Math.max(...lengths.map((l) => l.max)) };
    }
    case 'repeat': {
      const body = lengthOf(node.body);
      return { min: body.min * node.min, max: node.max === 0 || body.max === 0 ? 0 : body.max * node.max };
    }
    case 'group':
    case 'atomic':
      return lengthOf(node.body);
    case 'backreference':
      return { min: 0, max: Number.POSITIVE_INFINITY };
    case 'look':
    case 'assert':
    case 'keep':
      return { min: 0, max: 0 };
  }
}

export function isNullable(node: Node): boolean {
  return lengthOf(node).min === 0;
}

/** Every byte a match of `node` can begin with, or undefined when it can match without a byte. */
export function firstBytes(node: Node): ByteSet | undefined {
  switch (node.kind) {
    case 'set':
      return node.set;
    case 'sequence': {
      const first = byteSet();
      for (const item of node.items) {
        const bytes = firstBytesOrAll(item);
        addAll(first, bytes);
        if (!isNullable(item)) return first;
      }
      return undefined;
    }
    case 'alternation': {
      const first = byteSet();
      for (const branch of node.branches) {
        const bytes = firstBytes(branch);
        if (bytes === undefined) return undefined;
        addAll(first, bytes);
      }
      return first;
    }
    case 'repeat':
      return node.min === 0 ? undefined : firstBytes(node.body);
    case 'group':
    case 'atomic':
      return firstBytes(node.body);
    case 'backreference':
    case 'look':
    case 'assert':
    case 'keep':
      return undefined;
  }
}

/** The bytes an optional item may begin with; nothing for assertions, everything for what is not known. */
function firstBytesOrAll(node: Node): ByteSet {
  if (node.kind === 'assert' || node.kind === 'look' || node.kind === 'keep') return byteSet();
  const known = firstBytes(node.kind === 'repeat' ? node.body : node);
  return known ?? ANY_BYTE;
}

/** Calls `visit` for `node` and everything below it. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  if (node.kind === 'sequence') for (const item of node.items) walk(item, visit);
  else if (node.kind === 'alternation') for (const branch of node.branches) walk(branch, visit);
  else if ('body' in node) walk(node.body, visit);
}
