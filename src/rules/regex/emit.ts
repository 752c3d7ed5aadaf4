/**
 * Tree to JavaScript RegExp source, for the patterns where V8 then gives PCRE's answer exactly. It refuses the others
 * (program.ts runs them); it does not judge how long a match may take (cost.ts).
 */
import { type AssertKind, isNullable, type Node, walk } from './ast.ts';
import type { ByteSet } from './byte-set.ts';

/**
 * The JavaScript source of a pattern that `isExact`. `captures` false gives a RegExp for "does it match" only;
 * `finalNewline` one for texts that end in a newline, before which PCRE's `$` and `\Z` match, too.
 */
export function emitNative(root: Node, captures: boolean, finalNewline: boolean): string {
  return emit(root, captures, finalNewline ? '(?=\\n?$)' : '$');
}

/** Texts that end in a newline need a RegExp of their own. */
export function asksForFinalNewline(root: Node): boolean {
  let asks = false;
  walk(root, (node) => {
    if (node.kind === 'assert' && node.assert === 'end-or-final-newline') asks = true;
  });
  return asks;
}

/**
 * Whether V8 gives PCRE's answer. It does not where JavaScript has rules of its own: no atomic groups, possessive
 * quantifiers, `\G` or `\K`; a reference to an unset group matches; an empty iteration is undone rather than ending the
 * loop; captures are forgotten at every iteration.
 */
export function isExact(root: Node, captures: boolean): boolean {
  let exact = true;
  let groups = 0;
  walk(root, (node) => {
    switch (node.kind) {
      case 'atomic':
      case 'backreference':
      case 'keep':
        exact = false;
        break;
      case 'assert':
        if (node.assert === 'search-start') exact = false;
        break;
      case 'group':
        groups += 1;
        // (?| gives one number to several groups
        if (captures && node.index !== groups) exact = false;
        break;
      case 'look':
        if (!node.ahead && captures && hasGroup(node.body)) exact = false;
        break;
      case 'repeat':
        if (node.mode === 'possessive' || isNullable(node.body)) exact = false;
        if (captures && node.max > 1 && hasGroup(node.body) && !groupsAlwaysSet(node.body)) exact = false;
    }
  });
  return exact;
}

function hasGroup(node: Node): boolean {
  let found = false;
  walk(node, (inner) => {
    if (inner.kind === 'group') found = true;
  });
  return found;
}

/** Every group inside takes part whenever `node` matches. */
function groupsAlwaysSet(node: Node): boolean {
  switch (node.kind) {
    case 'sequence':
      return node.items.every(groupsAlwaysSet);
    case 'group':
      return groupsAlwaysSet(node.body);
    case 'repeat':
      return node.min > 0 ? groupsAlwaysSet(node.body) : !hasGroup(node.body);
    default:
      return !hasGroup(node);
  }
}

function emit(node: Node, captures: boolean, finalEnd: string): string {
  switch (node.kind) {
    case 'set':
      return emitSet(node.set);
    case 'sequence':
      return node.items
        .map((item) =>
          item.kind === 'alternation' ? `(?:${emit(item, captures, finalEnd)})` : emit(item, captures, finalEnd),
        )
        .join('');
    case 'alternation':
      return node.branches.map((branch) => emit(branch, captures, finalEnd)).join('|');
    case 'group':
      return `(${captures ? '' : '?:'}${emit(node.body, captures, finalEnd)})`;
    case 'repeat':
      return emitRepeat(node, emit(node.body, captures, finalEnd));
    case 'look':
      return `(?${node.ahead ? '' : '<'}${node.negated ? '!' : '='}${emit(node.body, captures, finalEnd)})`;
    case 'assert':
      return node.assert === 'end-or-final-newline' ? finalEnd : ASSERTS[node.assert];
    case 'atomic':
    case 'backreference':
    case 'keep':
      throw new Error(`no JavaScript for ${node.kind}`);
  }
}

function emitRepeat(node: Node & { readonly kind: 'repeat' }, body: string): string {
  const { min, max } = node;
  const lazy = node.mode === 'lazy' ? '?' : '';
  const atom = node.body.kind === 'set' || node.body.kind === 'group' ? body : `(?:${body})`;
  if (max === 0) return '(?:)';
  if (min === 0 && max === 1) return `${atom}?${lazy}`;
  if (max === Number.POSITIVE_INFINITY) return `${atom}${min === 0 ? '*' : min === 1 ? '+' : `{${min},}`}${lazy}`;
  return `${atom}{${min},${max}}${lazy}`;
}

/** Without the m flag, JavaScript's `^` and `$` are the very start and end, and its `\b` knows ASCII only. */
const ASSERTS: Readonly<Record<Exclude<AssertKind, 'end-or-final-newline'>, string>> = {
  start: '^',
  end: '$',
  'line-start': '(?:^|(?<=\\n)(?!$))',
  'after-newline': '(?:^|(?<=\\n))',
  'line-end': '(?=\\n|$)',
  'word-boundary': '\\b',
  'not-word-boundary': '\\B',
  'search-start': '',
};

/** Sets are shared by many patterns, single bytes above all. */
const emittedSets = new WeakMap<ByteSet, string>();

function emitSet(set: ByteSet): string {
  let text = emittedSets.get(set);
  if (text === undefined) {
    text = emitNewSet(set);
    emittedSets.set(set, text);
  }
  return text;
}

function emitNewSet(set: ByteSet): string {
  const inside = rangesOf(set, 1);
  const outside = rangesOf(set, 0);
  if (outside.length === 0) return '[^]';
  if (inside.length === 0) return '[]';
  const [only] = inside;
  if (inside.length === 1 && only !== undefined && only[0] === only[1]) return emitByte(only[0]);
  const negate = set[0xff] === 1;
  const ranges = negate ? outside : inside;
  const text = ranges.map(([from, to]) => (from === to ? emitByte(from) : `${emitByte(from)}-${emitByte(to)}`));
  return `[${negate ? '^' : ''}${text.join('')}]`;
}

function rangesOf(set: ByteSet, member: 0 | 1): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (let byte = 0; byte < 256; byte += 1) {
    if (set[byte] !== member) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === byte - 1) last[1] = byte;
    else ranges.push([byte, byte]);
  }
  return ranges;
}

function emitByte(byte: number): string {
  const char = String.fromCharCode(byte);
  return /[A-Za-z0-9 _,;:=<>%&@~`'"#]/.test(char) ? char : `\\x${byte.toString(16).padStart(2, '0')}`;
}
