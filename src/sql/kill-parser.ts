/**
 * KILL as clients write it: with a session id of the proxy, which is a number, or a sum of numbers and CONNECTION_ID(); or
 * with what a server alone knows. It kills nothing.
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
  String.raw`${GAP}*(?:(\d{1,20})|'(\d{1,20})'|(CONNECTION_ID${GAP}*\(${GAP}*\))|([-+()])|(\?))${GAP}*`,
  'iy',
);
const END = new RegExp(`(?:;${GAP}*)*$`, 'y');
/** Accounts, the numbers of queries, what a query finds in the server's list, what a user variable got from one. */
const OF_A_SERVER = /^(?:USER|ID)\b|\bSELECT\b|@/i;

/** Longer texts are no KILL of this form. */
export const KILL_TEXT_LENGTH_MAX = 4096;
/** Brackets within brackets. */
const DEPTH_MAX = 32;

/**
 * Parses `KILL [CONNECTION | QUERY] id`. `of-a-server`: what is to be killed has no id of the proxy's, so that a server has
 * to be asked, as ProxySQL does with all but plain numbers. Undefined: it may be an id of the proxy's, but cannot be read,
 * and a server would take it for one of its own.
 * @param ownId what CONNECTION_ID() is
 * @param parameters the values of the `?` in the text; undefined those that are no whole number
 */
export function parseKill(
  text: string,
  ownId: number,
  parameters: readonly (number | undefined)[] = [],
): KillStatement | 'of-a-server' | undefined {
  const head = HEAD.exec(text);
  if (head === null || text.length > KILL_TEXT_LENGTH_MAX) return undefined;
  const sum = new Sum(text, head[0].length, ownId, parameters);
  const id = sum.read(0);
  if (id !== undefined && sum.ended) {
    if (!Number.isSafeInteger(id) || id < 0) return undefined;
    return { target: head[1]?.toUpperCase() === 'QUERY' ? 'query' : 'connection', id };
  }
  const rest = text.slice(head[0].length);
  // Without any number in it, the server has something to say about its grammar or a name, and nobody to kill.
  return OF_A_SERVER.test(rest) || !/[\d?]/.test(rest) ? 'of-a-server' : undefined;
}

const PREPARES = new RegExp(
  String.raw`^${GAP}*(?:PREPARE\b${GAP}*(?:[\w$]+|\`[^\`]*\`)${GAP}*FROM\b|EXECUTE\b${GAP}*\bIMMEDIATE\b)${GAP}*(?:_\w+${GAP}*)?(['"])`,
  'i',
);
const ESCAPED = /\\(.)|''|""/gs;

/**
 * Does this PREPARE or EXECUTE IMMEDIATE say a KILL, in a string, that parseKill would not leave to a server? What a
 * variable or a function has for it is not known.
 */
export function preparesKill(text: string): boolean {
  const quoted = PREPARES.exec(text);
  if (quoted === null) return false;
  const body = text.slice(quoted[0].length).replace(ESCAPED, (pair, char: string | undefined) => char ?? pair.slice(1));
  if (!HEAD.test(body)) return false;
  const end = body.lastIndexOf(quoted[1] as string);
  return parseKill(end < 0 ? body : body.slice(0, end), 0) !== 'of-a-server';
}

/** Reads a sum, one token at a time. */
class Sum {
  readonly #text: string;
  readonly #ownId: number;
  readonly #parameters: readonly (number | undefined)[];
  #at: number;
  /** How many of the parameters were read. */
  #bound = 0;

  constructor(text: string, at: number, ownId: number, parameters: readonly (number | undefined)[]) {
    this.#text = text;
    this.#at = at;
    this.#ownId = ownId;
    this.#parameters = parameters;
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
    if (token?.[5] !== undefined) {
      this.#bound += 1;
      return this.#parameters[this.#bound - 1];
    }
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
