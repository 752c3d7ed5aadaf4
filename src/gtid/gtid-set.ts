/**
 * Sets of global transaction ids, as servers and readers of binary logs write them: `uuid:1-5:7,uuid:tag:3`. Pure; it
 * does not know who has executed them.
 *
 * @see https://dev.mysql.com/doc/refman/8.4/en/replication-gtids-concepts.html
 */

/** Intervals that a set may have: one with more is not a server's. */
export const gtidIntervalsMax = 10_000;

/** A UUID, with its dashes or without them. */
const SOURCE = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
/** Since MySQL 8.3 a tag may follow the UUID. */
const TAG = /^[a-z_][a-z0-9_]{0,31}$/i;
const INTERVAL = /^([0-9]{1,19})(?:-([0-9]{1,19}))?$/;

/** The first and the last number of a run. */
export interface GtidInterval {
  readonly first: number;
  readonly last: number;
}

export class GtidSet {
  /** By source (and tag): bounds of runs that neither overlap nor touch, in order: first, last, first, last, … */
  readonly #bounds = new Map<string, number[]>();
  #intervals = 0;

  get empty(): boolean {
    return this.#intervals === 0;
  }

  /** False, and nothing is changed, when the set would get too many intervals. */
  add(source: string, { first, last }: GtidInterval): boolean {
    const bounds = this.#bounds.get(source) ?? [];
    // Runs that end before the new one begins, and do not touch it, stay as they are.
    const from = firstRun(bounds, first - 1);
    let to = from;
    let low = first;
    let high = last;
    for (; to < bounds.length && (bounds[to] as number) <= last + 1; to += 2) {
      low = Math.min(low, bounds[to] as number);
      high = Math.max(high, bounds[to + 1] as number);
    }
    const more = 1 - (to - from) / 2;
    if (this.#intervals + more > gtidIntervalsMax) return false;
    bounds.splice(from, to - from, low, high);
    this.#bounds.set(source, bounds);
    this.#intervals += more;
    return true;
  }

  contains(source: string, { first, last }: GtidInterval): boolean {
    const bounds = this.#bounds.get(source);
    if (bounds === undefined) return false;
    const at = firstRun(bounds, first);
    return at < bounds.length && (bounds[at] as number) <= first && (bounds[at + 1] as number) >= last;
  }

  containsAll(other: GtidSet): boolean {
    for (const [source, interval] of other.entries()) if (!this.contains(source, interval)) return false;
    return true;
  }

  *entries(): Generator<readonly [string, GtidInterval]> {
    for (const [source, bounds] of this.#bounds)
      for (let at = 0; at < bounds.length; at += 2)
        yield [source, { first: bounds[at] as number, last: bounds[at + 1] as number }];
  }

  /** Each run with its source, `uuid:1-5,uuid:7-7`, as ProxySQL shows it. */
  toString(): string {
    const texts: string[] = [];
    for (const [source, { first, last }] of this.entries()) texts.push(`${source}:${first}-${last}`);
    return texts.join(',');
  }
}

/** The position in `bounds` of the first run that ends at `value` or later. */
function firstRun(bounds: readonly number[], value: number): number {
  let low = 0;
  let high = bounds.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bounds[2 * middle + 1] as number) < value) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

/** A UUID in lower case with its dashes; undefined when the text is none. */
export function parseSource(text: string): string | undefined {
  if (!SOURCE.test(text)) return undefined;
  const hex = text.replaceAll('-', '').toLowerCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** `7` or `7-9`; undefined for anything else, and for numbers that no server has got to. */
export function parseInterval(text: string): GtidInterval | undefined {
  const match = INTERVAL.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  if (first < 1 || last < first || !Number.isSafeInteger(last)) return undefined;
  return { first, last };
}

/** The set that a text means, '' being the empty one; undefined when it means none. Never throws. */
export function parseGtidSet(text: string): GtidSet | undefined {
  const set = new GtidSet();
  if (text.trim() === '') return set;
  for (const part of text.split(',')) {
    const [uuid = '', ...rest] = part.trim().split(':');
    const source = parseSource(uuid);
    if (source === undefined || rest.length === 0) return undefined;
    let tagged = source;
    let complete = false;
    for (const word of rest) {
      const interval = parseInterval(word);
      if (interval !== undefined) {
        if (!set.add(tagged, interval)) return undefined;
        complete = true;
      } else if (TAG.test(word)) {
        // The numbers that follow are of the source with this tag.
        if (tagged !== source && !complete) return undefined;
        tagged = `${source}:${word.toLowerCase()}`;
        complete = false;
      } else return undefined;
    }
    if (!complete) return undefined;
  }
  return set;
}
