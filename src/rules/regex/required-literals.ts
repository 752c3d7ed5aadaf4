/**
 * Texts one of which every match of a pattern must contain, as far as its tree tells: what a cheap search can look for
 * before the pattern itself is tried. Folded to lower case (ASCII), for a search that ignores case. It searches nothing.
 */
import { type Node, walk } from './ast.ts';
import type { ByteSet } from './byte-set.ts';

/** Shorter texts are in so many statements that looking for them saves nothing. */
export const LITERAL_BYTES_MIN = 3;

/** More bytes of one text do not make it rarer. */
const LITERAL_BYTES_MAX = 64;

/** An alternation of more branches than this is tried as a pattern. */
const ALTERNATIVES_MAX = 16;

/** A larger pattern is tried as a pattern: analysing it could take longer than matching. */
const NODES_MAX = 5_000;

/** Latin1 text, one character per byte. */
interface Known {
  /** The node matches exactly this text, in either case. */
  readonly exact: string | undefined;
  /** Every match begins, and ends, with these. */
  readonly prefix: string;
  readonly suffix: string;
  /** Every match contains one of these; empty when nothing is known. */
  readonly anyOf: readonly string[];
}

const NOTHING: Known = { exact: undefined, prefix: '', suffix: '', anyOf: [] };
const EMPTY: Known = exactly('');

/** One of the texts is in whatever the pattern matches, each at least LITERAL_BYTES_MIN long; undefined: who knows. */
export function requiredLiterals(root: Node): readonly string[] | undefined {
  let nodes = 0;
  walk(root, () => {
    nodes += 1;
  });
  if (nodes > NODES_MAX) return undefined;
  const { anyOf } = analyse(root);
  return shortest(anyOf) >= LITERAL_BYTES_MIN ? anyOf : undefined;
}

function analyse(node: Node): Known {
  switch (node.kind) {
    case 'set': {
      const char = foldedChar(node.set);
      return char === undefined ? NOTHING : exactly(char);
    }
    case 'sequence':
      return analyseSequence(node.items);
    case 'alternation':
      return either(node.branches.map(analyse));
    case 'group':
    case 'atomic':
      return analyse(node.body);
    case 'repeat': {
      if (node.min === 0) return NOTHING;
      const body = analyse(node.body);
      return node.min === 1 && node.max === 1 ? body : { ...body, exact: undefined };
    }
    // What takes no room does not part its neighbours; that it must hold as well can only narrow the matches.
    case 'assert':
    case 'keep':
    case 'look':
      return EMPTY;
    case 'backreference':
      return NOTHING;
  }
}

/** Characters in a row are put together first: patterns are mostly made of them. */
function analyseSequence(items: readonly Node[]): Known {
  let known = EMPTY;
  let run = '';
  for (const item of items) {
    const char = item.kind === 'set' ? foldedChar(item.set) : undefined;
    if (char !== undefined) {
      run += char;
      continue;
    }
    if (run !== '') known = joined(known, exactly(run));
    run = '';
    known = joined(known, analyse(item));
  }
  return run === '' ? known : joined(known, exactly(run));
}

function exactly(text: string): Known {
  return { exact: text, prefix: text, suffix: text, anyOf: text === '' ? [] : [text.slice(0, LITERAL_BYTES_MAX)] };
}

function joined(left: Known, right: Known): Known {
  if (left.exact !== undefined && right.exact !== undefined && left.exact.length < LITERAL_BYTES_MAX) {
    return exactly(left.exact + right.exact);
  }
  const seam = (left.suffix + right.prefix).slice(0, LITERAL_BYTES_MAX);
  return {
    exact: undefined,
    prefix: left.exact === undefined ? left.prefix : left.exact + right.prefix,
    suffix: right.exact === undefined ? right.suffix : left.suffix + right.exact,
    anyOf: [left.anyOf, right.anyOf, seam === '' ? [] : [seam]].reduce(better),
  };
}

function either(branches: readonly Known[]): Known {
  const [first] = branches;
  if (first?.exact !== undefined && branches.every((branch) => branch.exact === first.exact)) return first;
  const anyOf = branches.flatMap((branch) => branch.anyOf);
  const all = branches.every((branch) => branch.anyOf.length > 0) && anyOf.length <= ALTERNATIVES_MAX;
  return { ...NOTHING, anyOf: all ? [...new Set(anyOf)] : [] };
}

/** The one whose shortest text is longer is the rarer one. */
function better(a: readonly string[], b: readonly string[]): readonly string[] {
  return shortest(b) > shortest(a) ? b : a;
}

function shortest(texts: readonly string[]): number {
  return texts.length === 0 ? 0 : Math.min(...texts.map((text) => text.length));
}

/** Patterns share the sets of their single characters (byte-set.ts), so that each is looked at once. */
const foldedChars = new WeakMap<ByteSet, { readonly char: string | undefined }>();

/** The one character a set stands for when case is ignored. */
function foldedChar(set: ByteSet): string | undefined {
  let known = foldedChars.get(set);
  if (known === undefined) {
    known = { char: findFoldedChar(set) };
    foldedChars.set(set, known);
  }
  return known.char;
}

function findFoldedChar(set: ByteSet): string | undefined {
  let found = -1;
  for (let byte = 0; byte < 256; byte += 1) {
    if (set[byte] !== 1) continue;
    const folded = byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
    if (found >= 0 && folded !== found) return undefined;
    found = folded;
  }
  return found < 0 ? undefined : String.fromCharCode(found);
}
