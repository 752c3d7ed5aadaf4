/**
 * KILL as clients write it, with a session id of the proxy: a number, or a sum of numbers and CONNECTION_ID(). What only a
 * server could work out (a subselect, a variable) gives ids of the server's, which are none of the proxy's. It kills nothing.
 */

export interface KillStatement {
  /** QUERY ends the running statement only. */
  readonly target: 'connection' | 'query';
  /** A session id as the proxy gave it at login. */
  readonly id: number;
}

const GAP = String.raw`(?:\s|/\*(?![!+M])[^*]*\*+(?:[^/*][^*]*\*+)*/)`;
/** HARD and SOFT are MariaDB's. */
const HEAD = new RegExp(
  String.raw`^${GAP}*KILL\b(?:${GAP}*\b(?:HARD|SOFT)\b)?(?:${GAP}*\b(CONNECTION|QUERY)\b)?${GAP}*`,
  'i',
);
const TOKEN = new RegExp(
  String.raw`${GAP}*(?:(\d{1,20})|'(\d{1,20})'|(CONNECTION_ID${GAP}*\(${GAP}*\))|([-+()]))${GAP}*`,
  'iy',
);
const END = new RegExp(`(?:;${GAP}*)*$`, 'y');

/** Longer texts are no KILL of this form. */
export const KILL_TEXT_LENGTH_MAX = 4096;
/** Brackets within brackets. */
const DEPTH_MAX = 32;

/**
 * Parses `KILL [CONNECTION | QUERY] id`; undefined for other forms, such as MariaDB's KILL USER.
 * @param ownId what CONNECTION_ID() is
 */
export function parseKill(text: string, ownId: number): KillStatement | undefined {
  if (text.length > KILL_TEXT_LENGTH_MAX) return undefined;
  const head = HEAD.exec(text);
  if (head === null) return undefined;
  const sum = new Sum(text, head[0].length, ownId);
  const id = sum.read(0);
  if (id === undefined || !sum.ended || !Number.isSafeInteger(id) || id < 0) return undefined;
  return { target: head[1]?.toUpperCase() === 'QUERY' ? 'query' : 'connection', id };
}

/** Reads a sum, one token at a time. */
class Sum {
  readonly #text: string;
  readonly #ownId: number;
  #at: number;

  constructor(text: string, at: number, ownId: number) {
    this.#text = text;
    this.#at = at;
    this.#ownId = ownId;
  }

  get ended(): boolean {
    END.lastIndex = this.#at;
    return END.test(this.#text);
  }

  /** Undefined when it is something else than a sum. */
  read(depth: number): number | undefined {
    let total = this.#operand(depth);
    for (let sign = this.#sign(); sign !== 0 && total !== undefined; sign = this.#sign()) {
      const operand = this.#operand(depth);
      total = operand === undefined ? undefined : total + sign * operand;
    }
    return total;
  }

  #operand(depth: number): number | undefined {
    const token = this.#next();
    const number = token?.[1] ?? token?.[2];
    if (number !== undefined) return Number(number);
    if (token?.[3] !== undefined) return this.#ownId;
    if (token?.[4] !== '(' || depth >= DEPTH_MAX) return undefined;
    const inner = this.read(depth + 1);
    return this.#next()?.[4] === ')' ? inner : undefined;
  }

  /** 1 or -1 when the next token is a sign, which is taken then; otherwise 0. */
  #sign(): number {
    const before = this.#at;
    const operator = this.#next()?.[4];
    if (operator === '+') return 1;
    if (operator === '-') return -1;
    this.#at = before;
    return 0;
  }

  #next(): RegExpExecArray | undefined {
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text);
    if (token === null) return undefined;
    this.#at = TOKEN.lastIndex;
    return token;
  }
}
