/**
 * Parses expressions, flat: which names, functions and subqueries there are, and whether there is nothing but one column or
 * one number. Any depth is read in one loop. It knows queries only as what it may meet inside.
 */
import { DOT, Kind } from './lexer.ts';
import type { Expression, Query, Surroundings } from './query-ast.ts';
import { CLOSE, COMMA, OPEN, TokenCursor } from './token-cursor.ts';
import {
  AGGREGATES,
  CLAUSE_WORDS,
  FUNCTION_LIKE,
  INTERVAL_UNITS,
  isAlwaysReserved,
  NEVER_INSIDE,
  OPERAND_WORDS,
  SET_OPERATORS,
  WINDOW_FUNCTIONS,
} from './words.ts';

const MINUS_SIGN = 0x2d;
const PLUS_SIGN = 0x2b;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;

/** `undefined` as name: there is none. */
export interface Alias {
  readonly name: string | undefined;
}

export abstract class ExpressionParser extends TokenCursor {
  /** A query expression with all that may follow it. */
  abstract query(): Query;

  startsQuery(ahead = 0): boolean {
    switch (this.word(ahead)) {
      case 'SELECT':
        return true;
      case 'WITH':
        return this.word(ahead + 1) !== 'ROLLUP';
      case 'VALUES':
        return this.kind(ahead + 1) === OPEN || this.word(ahead + 1) === 'ROW';
      case 'TABLE':
        return true;
      default:
        return false;
    }
  }

  expressions(): Expression[] {
    const list: Expression[] = [];
    do list.push(this.expression());
    while (this.take(COMMA));
    return list;
  }

  /** Up to a comma, a closing parenthesis or a clause at this level. */
  expression(): Expression {
    return this.expressionOf(false);
  }

  /** @param aliased an alias may follow, and is left standing. */
  expressionOf(aliased: boolean): Expression {
    this.spend(1);
    const start = this.at;
    const expression = emptyExpression();
    const around: Surroundings[] = [];
    let opens: Surroundings | undefined;
    let interval = false;
    let braces = 0;
    for (;;) {
      const kind = this.kind();
      const inside = around.length > 0;
      const now = around.at(-1) ?? 'plain';
      if (kind === Kind.END || kind === 0x3b) {
        if (inside) this.fail();
        break;
      }
      if (kind === Kind.ERROR) this.fail();
      if (!inside && (kind === COMMA || kind === CLOSE || (kind === CLOSE_BRACE && braces === 0))) break;
      if (kind === OPEN_BRACE || kind === CLOSE_BRACE) {
        // {d '2024-01-01'}, {fn now()}: ODBC's spelling.
        braces += kind === OPEN_BRACE ? 1 : -1;
        this.at += 1;
      } else if (kind === CLOSE) {
        around.pop();
        this.at += 1;
      } else if (kind === OPEN) {
        const exists = this.tokens.upper(this.at - 1) === 'EXISTS' && this.tokens.kind(this.at - 2) !== DOT;
        this.at += 1;
        if (this.startsQuery()) {
          expression.subqueries.push({ query: this.query(), exists });
          this.need(CLOSE);
        } else {
          around.push(opens ?? now);
        }
        opens = undefined;
      } else if (kind === Kind.SYSTEM) {
        this.#systemVariable(expression);
      } else if (kind === Kind.WORD || kind === Kind.NAME) {
        if (kind === Kind.WORD) {
          const word = this.word();
          const called = this.kind(1) === OPEN;
          if (!inside && CLAUSE_WORDS.has(word) && !(called && FUNCTION_LIKE.has(word))) break;
          if (!inside && SET_OPERATORS.has(word) && this.startsOperand()) break;
          if (!inside && (word === 'ASC' || word === 'DESC')) break;
          if (inside && this.#startsNested(word, expression)) continue;
          if (word === 'INTERVAL') interval = true;
          if (word === 'OVER') {
            this.at += 1;
            if (this.kind() !== OPEN) this.name();
            else opens = 'window';
            continue;
          }
          if (inside && word === 'AS') {
            // A type: no column can follow.
            this.at += 1;
            while (this.kind() === Kind.WORD) this.at += 1;
            continue;
          }
          if (isAlwaysReserved(word)) {
            if (called && word !== 'EXISTS') expression.calls.push({ schema: undefined, name: word });
            this.at += 1;
            continue;
          }
        }
        if (aliased && !inside && this.#isLastAlias(start, interval)) break;
        opens = this.#nameOrCall(expression, now);
      } else if (aliased && !inside && kind === Kind.STRING && this.#isLastAlias(start, interval)) {
        break;
      } else {
        if (kind === Kind.ASSIGN) expression.assigns = true;
        this.at += 1;
      }
    }
    if (this.at === start) this.fail();
    this.#describe(expression, start);
    return expression;
  }

  /** A set operation between parentheses of an expression; refuses what cannot stand there. */
  #startsNested(word: string, expression: Expression): boolean {
    if (SET_OPERATORS.has(word) && this.startsOperand()) {
      this.at += 1;
      this.takeWord('ALL', 'DISTINCT');
      if (this.startsQuery()) expression.subqueries.push({ query: this.query(), exists: false });
      return true;
    }
    if (NEVER_INSIDE.has(word)) this.fail();
    return false;
  }

  #systemVariable(expression: Expression): void {
    this.at += 1;
    do {
      const word = this.word();
      const name = this.kind() === Kind.NAME ? this.tokens.name(this.at)?.toUpperCase() : word;
      if (name === 'WARNING_COUNT' || name === 'ERROR_COUNT') expression.diagnostics = true;
      this.anyName();
    } while (this.take(DOT));
  }

  /** A column, or a function with what its parenthesis will be. */
  #nameOrCall(expression: Expression, now: Surroundings): Surroundings | undefined {
    this.spend(1);
    const parts: string[] = [];
    do {
      if (parts.length === 3) this.fail();
      parts.push(this.anyName());
      if (this.kind() !== DOT) break;
      this.at += 1;
    } while (this.kind() === Kind.WORD || this.kind() === Kind.NAME);
    if (this.tokens.kind(this.at - 1) === DOT) this.fail();
    const [last = '', second, third] = parts.reverse();
    if (this.kind() === OPEN) {
      if (third !== undefined) this.fail();
      expression.calls.push({ schema: second, name: last });
      const upper = last.toUpperCase();
      if (second !== undefined) return now;
      if (WINDOW_FUNCTIONS.has(upper)) return 'window';
      return AGGREGATES.has(upper) ? 'aggregate' : now;
    }
    expression.references.push({ column: last, table: second, schema: third, around: now });
    return undefined;
  }

  /** The name or string here is an alias: it follows an operand, and the item ends behind it. */
  #isLastAlias(start: number, interval: boolean): boolean {
    if (this.at === start || !this.endsItem(1)) return false;
    const before = this.tokens.kind(this.at - 1);
    if (interval && INTERVAL_UNITS.has(this.word())) return false;
    if (this.kind() === Kind.WORD && !this.isName()) return false;
    if (this.kind() === Kind.STRING) {
      if (before === Kind.STRING || this.tokens.upper(this.at - 1).startsWith('_')) return false;
    }
    return this.#endsOperand(this.at - 1, start, interval);
  }

  /** An operand ends with this token. A word behind an operand is part of an operator: `… ESCAPE x`. */
  #endsOperand(at: number, start: number, interval: boolean): boolean {
    const before = this.tokens.kind(at);
    if (before === Kind.WORD) {
      const word = this.tokens.upper(at);
      if (isAlwaysReserved(word)) return OPERAND_WORDS.has(word);
      if (word === 'END' || (interval && INTERVAL_UNITS.has(word))) return true;
      let words = 1;
      while (at - words >= start && this.#isPlainWord(at - words)) words += 1;
      // Of words in a row every other one is an operand, beginning with the first unless an operand precedes it.
      const operandBefore = at - words >= start && this.#endsOperandWord(at - words);
      return (words % 2 === 1) !== operandBefore;
    }
    return this.#endsOperandWord(at);
  }

  #isPlainWord(at: number): boolean {
    const word = this.tokens.upper(at);
    return word !== '' && word !== 'END' && !isAlwaysReserved(word);
  }

  #endsOperandWord(at: number): boolean {
    const before = this.tokens.kind(at);
    if (before === Kind.WORD) {
      const word = this.tokens.upper(at);
      return word === 'END' || OPERAND_WORDS.has(word);
    }
    return (
      before === Kind.STRING ||
      before === Kind.NAME ||
      before === Kind.INTEGER ||
      before === Kind.NUMBER ||
      before === Kind.PARAMETER ||
      before === Kind.VARIABLE ||
      before === CLOSE ||
      before === CLOSE_BRACE
    );
  }

  /** Finds out whether an expression is one column or one number. */
  #describe(expression: Expression, start: number): void {
    const only = expression.references.length === 1 && expression.subqueries.length + expression.calls.length === 0;
    let numbers = 0;
    let others = 0;
    let names = 0;
    let value = Number.NaN;
    let signs = 0;
    for (let i = start; i < this.at && others === 0; i += 1) {
      const kind = this.tokens.kind(i);
      if (kind === OPEN || kind === CLOSE) continue;
      if (kind === PLUS_SIGN || kind === MINUS_SIGN) signs += 1;
      else if (kind === Kind.INTEGER || kind === Kind.NUMBER || kind === Kind.PARAMETER) {
        numbers += 1;
        if (kind === Kind.INTEGER) value = Number(this.tokens.bytes(i).toString('latin1'));
      } else if (only && (kind === Kind.WORD || kind === Kind.NAME)) names += 1;
      else if (!only || kind !== DOT) others += 1;
    }
    if (others > 0) return;
    if (numbers > 0) {
      if (only) return;
      this.usedLiteral = true;
      expression.position = numbers === 1 && signs === 0 ? value : Number.NaN;
    } else if (only && signs === 0) {
      const [reference] = expression.references;
      const parts = [reference?.schema, reference?.table, reference?.column].filter((part) => part !== undefined);
      // More words than the name has: BINARY name.
      if (names === parts.length) expression.bare = reference;
    }
  }

  endsItem(ahead = 0): boolean {
    const kind = this.kind(ahead);
    if (kind === COMMA || kind === CLOSE || kind === Kind.END || kind === 0x3b) return true;
    const word = this.word(ahead);
    // AS would be a second alias; ON may follow INSERT … SELECT.
    return CLAUSE_WORDS.has(word) && word !== 'AS' && word !== 'USING' && word !== 'TO';
  }

  alias(strings: boolean): Alias {
    if (this.takeWord('AS')) {
      if (strings && this.kind() === Kind.STRING) return { name: this.literal() };
      return { name: this.anyName() };
    }
    if (strings && this.kind() === Kind.STRING) return { name: this.literal() };
    return { name: this.isName() && !this.#startsClause() ? this.anyName() : undefined };
  }

  /** Words that are no names here although they are not reserved. */
  #startsClause(): boolean {
    const word = this.word();
    return (word === 'WINDOW' && this.word(2) === 'AS') || (SET_OPERATORS.has(word) && this.startsOperand());
  }

  startsOperand(): boolean {
    const next = this.word(1) === 'ALL' || this.word(1) === 'DISTINCT' ? 2 : 1;
    return this.kind(next) === OPEN || this.startsQuery(next);
  }
}

export function emptyExpression(): Expression {
  return {
    references: [],
    subqueries: [],
    calls: [],
    assigns: false,
    diagnostics: false,
    position: undefined,
    bare: undefined,
  };
}
