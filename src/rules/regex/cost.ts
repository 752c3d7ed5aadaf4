/**
 * How many steps a backtracking engine could need for a pattern in the worst case. An estimate from above, made once
 * per pattern; it does not count the steps of a real match.
 */
import { firstBytes, type Node } from './ast.ts';
import { type ByteSet, intersects } from './byte-set.ts';

interface Cost {
  /** Ways a node can match from one position: what follows is tried that often. */
  readonly ways: number;
  /** Steps to try them all. */
  readonly work: number;
}

const TEXT_BYTES_MAX = 2 ** 30;

/** The longest text for which the pattern cannot need more than `stepsMax` steps; 0 when even short ones could. */
export function longestTextWithin(root: Node, stepsMax: number): number {
  let fits = 0;
  for (let bit = TEXT_BYTES_MAX; bit >= 1; bit /= 2) {
    if (searchSteps(root, fits + bit) <= stepsMax) fits += bit;
  }
  return fits;
}

/** Worst steps of a search in a text of `length` bytes. */
export function searchSteps(root: Node, length: number): number {
  const starts = isAnchored(root) ? 1 : length + 1;
  return starts * (costOf(root, length, undefined).work + 1);
}

/** Every match begins at the start of the text. */
export function isAnchored(node: Node): boolean {
  switch (node.kind) {
    case 'assert':
      return node.assert === 'start';
    case 'sequence': {
      const first = node.items[0];
      return first !== undefined && isAnchored(first);
    }
    case 'alternation':
      return node.branches.every(isAnchored);
    case 'group':
    case 'atomic':
      return isAnchored(node.body);
    case 'repeat':
      return node.min > 0 && isAnchored(node.body);
    default:
      return false;
  }
}

/** `next`: the bytes that must follow, when known. */
function costOf(node: Node, length: number, next: ByteSet | undefined): Cost {
  switch (node.kind) {
    case 'set':
    case 'assert':
    case 'keep':
      return { ways: 1, work: 1 };
    case 'backreference':
      return { ways: 1, work: length };
    case 'sequence':
      return sequenceCost(node.items, length, next);
    case 'alternation':
      return alternationCost(node.branches, length, next);
    case 'group':
      return costOf(node.body, length, next);
    case 'atomic':
    case 'look':
      return { ways: 1, work: costOf(node.body, length, undefined).work };
    case 'repeat':
      return repeatCost(node, length, next);
  }
}

function sequenceCost(items: readonly Node[], length: number, next: ByteSet | undefined): Cost {
  let ways = 1;
  let work = 0;
  items.forEach((item, i) => {
    const rest = items.slice(i + 1);
    const following = rest.length === 0 ? next : firstBytes({ kind: 'sequence', items: rest });
    const cost = costOf(item, length, following);
    work += ways * cost.work;
    ways *= cost.ways;
  });
  return { ways, work };
}

function alternationCost(branches: readonly Node[], length: number, next: ByteSet | undefined): Cost {
  const costs = branches.map((branch) => costOf(branch, length, next));
  const work = costs.reduce((sum, cost) => sum + cost.work, branches.length);
  const firsts = branches.map(firstBytes);
  const exclusive = firsts.every(
    (first, i) => first !== undefined && firsts.every((other, j) => j <= i || (other && !intersects(first, other))),
  );
  const ways = costs.map((cost) => cost.ways);
  return { ways: exclusive ? Math.max(...ways) : ways.reduce((sum, n) => sum + n, 0), work };
}

function repeatCost(node: Node & { readonly kind: 'repeat' }, length: number, next: ByteSet | undefined): Cost {
  const max = Math.min(node.max, length + 1);
  const min = Math.min(node.min, max);
  const first = firstBytes(node.body);
  // a loop whose next byte says whether to go on can be left in one way only
  const decided = node.mode === 'possessive' || (first !== undefined && next !== undefined && !intersects(first, next));
  const body = costOf(node.body, length, decided && max > 1 ? undefined : next);
  if (body.ways === 1) {
    return { ways: decided || min === max ? 1 : max - min + 1, work: (max + 1) * body.work };
  }
  const tries = body.ways ** max;
  return { ways: node.mode === 'possessive' ? 1 : tries + 1, work: (max + 1) * tries * body.work };
}
