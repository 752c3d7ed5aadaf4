/**
 * How many steps a backtracking engine could need for a pattern in the worst case. An estimate from above, made once
 * per pattern for a scale of text lengths; it does not count the steps of a real match.
 */
import { firstBytes, type Node } from './ast.ts';
import { type ByteSet, intersects } from './byte-set.ts';

/** Text lengths the estimate is made for: powers of the square root of 2, up to 1 GB. */
const SCALE: readonly number[] = Array.from({ length: 61 }, (_, i) => Math.floor(2 ** (i / 2)));

/** One number per length of SCALE. */
type Curve = readonly number[];

interface Cost {
  /** Ways a node can match from one position: what follows is tried that often. */
  readonly ways: Curve;
  /** Steps to try them all. */
  readonly work: Curve;
}

const ONE: Curve = SCALE.map(() => 1);
const ZERO: Curve = SCALE.map(() => 0);
const STEP: Cost = { ways: ONE, work: ONE };

/** Worst-case steps of a search, by length of the text. */
export class SearchCost {
  readonly #steps: Curve;

  constructor(root: Node) {
    const { work } = costOf(root, undefined);
    const anchored = isAnchored(root);
    this.#steps = curve((i, length) => (anchored ? 1 : length + 1) * (at(work, i) + 1));
  }

  /** The longest text (of the scale) that cannot need more than `stepsMax` steps; 0 when even short ones could. */
  longestTextWithin(stepsMax: number): number {
    const beyond = this.#steps.findIndex((steps) => steps > stepsMax);
    return beyond < 0 ? at(SCALE, SCALE.length - 1) : beyond === 0 ? 0 : at(SCALE, beyond - 1);
  }
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

function at(values: Curve, i: number): number {
  return values[i] ?? 0;
}

function curve(value: (i: number, length: number) => number): Curve {
  return SCALE.map((length, i) => value(i, length));
}

/** `next`: the bytes that must follow, when known. */
function costOf(node: Node, next: ByteSet | undefined): Cost {
  switch (node.kind) {
    case 'set':
    case 'assert':
    case 'keep':
      return STEP;
    case 'backreference':
      return { ways: ONE, work: SCALE };
    case 'sequence':
      return sequenceCost(node.items, next);
    case 'alternation':
      return alternationCost(node.branches, next);
    case 'group':
      return costOf(node.body, next);
    case 'atomic':
    case 'look':
      return { ways: ONE, work: costOf(node.body, undefined).work };
    case 'repeat':
      return repeatCost(node, next);
  }
}

function sequenceCost(items: readonly Node[], next: ByteSet | undefined): Cost {
  let ways = ONE;
  let work = ZERO;
  /** Single steps since the last item that was more: they are many, and cheap to add up. */
  let steps = 0;
  const settle = (): void => {
    if (steps === 0) return;
    const [sum, factor, count] = [work, ways, steps];
    work = curve((i) => at(sum, i) + at(factor, i) * count);
    steps = 0;
  };
  items.forEach((item, place) => {
    const followed = item.kind === 'set' || item.kind === 'assert' ? undefined : followers(items, place + 1, next);
    const cost = costOf(item, followed);
    if (cost === STEP) {
      steps += 1;
      return;
    }
    settle();
    const [sum, factor] = [work, ways];
    work = curve((i) => at(sum, i) + at(factor, i) * at(cost.work, i));
    ways = curve((i) => at(factor, i) * at(cost.ways, i));
  });
  settle();
  return { ways, work };
}

function followers(items: readonly Node[], place: number, next: ByteSet | undefined): ByteSet | undefined {
  return place === items.length ? next : firstBytes({ kind: 'sequence', items: items.slice(place) });
}

function alternationCost(branches: readonly Node[], next: ByteSet | undefined): Cost {
  const costs = branches.map((branch) => costOf(branch, next));
  const firsts = branches.map(firstBytes);
  const exclusive = firsts.every(
    (first, i) => first !== undefined && firsts.every((other, j) => j <= i || (other && !intersects(first, other))),
  );
  const join = (a: number, b: number): number => (exclusive ? Math.max(a, b) : a + b);
  return {
    ways: curve((i) => costs.reduce((ways, cost) => join(ways, at(cost.ways, i)), 0)),
    work: curve((i) => costs.reduce((work, cost) => work + at(cost.work, i), branches.length)),
  };
}

function repeatCost(node: Node & { readonly kind: 'repeat' }, next: ByteSet | undefined): Cost {
  const possessive = node.mode === 'possessive';
  const first = firstBytes(node.body);
  // a loop whose next byte says whether to go on can be left in one way only
  const decided = possessive || (first !== undefined && next !== undefined && !intersects(first, next));
  const body = costOf(node.body, decided && node.max > 1 ? undefined : next);
  const max = (length: number): number => Math.min(node.max, length + 1);
  /** Choices inside an iteration multiply with every iteration. */
  const tries = (i: number, length: number): number => at(body.ways, i) ** max(length);
  return {
    ways: curve((i, length) => {
      if (possessive) return 1;
      if (at(body.ways, i) > 1) return tries(i, length) + 1;
      return decided || node.min === node.max ? 1 : Math.max(1, max(length) - node.min + 1);
    }),
    work: curve((i, length) => (max(length) + 1) * tries(i, length) * at(body.work, i)),
  };
}
