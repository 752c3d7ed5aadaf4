/**
 * Parses the tables of a FROM, an UPDATE or a DELETE: joins in every notation, derived tables, hints.
 */
import { CLOSE_BRACE, ExpressionParser, OPEN_BRACE } from './expression-parser.ts';
import { Kind } from './lexer.ts';
import type { Expression, IndexHint, JoinTree, Query } from './query-ast.ts';
import { CLOSE, COMMA, OPEN, TOO_COMPLEX } from './token-cursor.ts';
import { SET_OPERATORS } from './words.ts';

/** Joins of one FROM that are followed; servers take 61 tables. */
export const JUDGE_JOINS_MAX = 64;

interface JoinDetails {
  readonly natural?: boolean;
  readonly rightFirst?: boolean;
  readonly on?: Expression | undefined;
  readonly using?: readonly string[] | undefined;
}

export abstract class JoinParser extends ExpressionParser {
  /** A query of which the first operand is there already. */
  abstract queryFrom(first: Query): Query;

  /** Of the FROM being read. */
  #joins = 0;

  /** The tables of a FROM, an UPDATE or a multi-table DELETE. */
  joinList(): JoinTree {
    const around = this.#joins;
    this.#joins = 0;
    const tree = this.#list();
    this.#joins = around;
    return tree;
  }

  #list(): JoinTree {
    this.enter();
    let tree = this.#joined();
    while (this.take(COMMA)) tree = this.#joinOf(tree, this.#joined(), {});
    this.leave();
    return tree;
  }

  #joined(): JoinTree {
    return this.#joinsFrom(this.#factor());
  }

  #joinsFrom(first: JoinTree): JoinTree {
    let tree = first;
    for (;;) {
      const join = this.#takeJoin();
      if (join === undefined) return tree;
      let right = this.#factor();
      // Joins in front of the ON that belongs to this one bind to its right side.
      if (join.needsCondition && !this.#atCondition()) {
        this.enter();
        right = this.#joinsFrom(right);
        this.leave();
      }
      const condition = join.natural ? {} : this.#condition();
      tree = this.#joinOf(tree, right, { ...join, ...condition });
    }
  }

  #joinOf(left: JoinTree, right: JoinTree, how: JoinDetails): JoinTree {
    this.#joins += 1;
    if (this.#joins > JUDGE_JOINS_MAX) throw TOO_COMPLEX;
    const { natural = false, rightFirst = false, using, on } = how;
    return { kind: 'join', left, right, natural, rightFirst, using, on };
  }

  #atCondition(): boolean {
    return this.word() === 'ON' || this.word() === 'USING';
  }

  #takeJoin(): { natural: boolean; rightFirst: boolean; needsCondition: boolean } | undefined {
    if (this.takeWord('STRAIGHT_JOIN')) return { natural: false, rightFirst: false, needsCondition: false };
    const start = this.at;
    const natural = this.takeWord('NATURAL');
    const right = this.word() === 'RIGHT';
    const outer = this.takeWord('LEFT', 'RIGHT') || (this.word(1) !== 'JOIN' ? false : this.takeWord('FULL'));
    if (outer) this.takeWord('OUTER');
    else this.takeWord('INNER', 'CROSS');
    if (this.takeWord('JOIN')) return { natural, rightFirst: right, needsCondition: outer && !natural };
    if (this.at !== start) this.fail();
    return undefined;
  }

  #condition(): { on?: Expression; using?: string[] } {
    if (this.takeWord('ON')) return { on: this.expression() };
    if (this.takeWord('USING')) return { using: this.nameList() };
    return {};
  }

  #factor(): JoinTree {
    if (this.take(OPEN_BRACE)) {
      this.needWord('OJ');
      this.enter();
      const tree = this.#joined();
      this.leave();
      this.need(CLOSE_BRACE);
      return tree;
    }
    if (this.word() === 'LATERAL' && this.kind(1) === OPEN) {
      this.at += 2;
      const query = this.query();
      this.need(CLOSE);
      return this.#derived(query, true);
    }
    if (this.word() === 'JSON_TABLE' && this.kind(1) === OPEN) return this.#jsonTable();
    if (this.kind() !== OPEN) return this.#table();
    const inner = this.#parenthesised();
    return 'kind' in inner ? inner : this.#derived(inner.query, false);
  }

  /** `(` joins or a query `)`. */
  #parenthesised(): JoinTree | { query: Query } {
    this.enter();
    this.need(OPEN);
    let result: JoinTree | { query: Query };
    if (this.startsQuery()) {
      result = { query: this.query() };
    } else if (this.kind() === OPEN) {
      const inner = this.#parenthesised();
      if ('kind' in inner) result = this.#listFrom(this.#joinsFrom(inner));
      else if (this.#continuesQuery()) result = { query: this.queryFrom(inner.query) };
      else result = this.#listFrom(this.#joinsFrom(this.#derived(inner.query, false)));
    } else {
      result = this.#list();
    }
    this.need(CLOSE);
    this.leave();
    return result;
  }

  #listFrom(first: JoinTree): JoinTree {
    let tree = first;
    while (this.take(COMMA)) tree = this.#joinOf(tree, this.#joined(), {});
    return tree;
  }

  #continuesQuery(): boolean {
    const word = this.word();
    if (this.kind() === CLOSE || word === 'ORDER' || word === 'LIMIT' || word === 'FOR' || word === 'INTO') return true;
    return SET_OPERATORS.has(word) && this.startsOperand();
  }

  #derived(query: Query, lateral: boolean): JoinTree {
    const alias = this.alias(false).name;
    const columns = alias !== undefined && this.kind() === OPEN ? this.nameList() : undefined;
    return { kind: 'derived', query, alias, columns, lateral };
  }

  #jsonTable(): JoinTree {
    this.at += 2;
    const argument = this.expression();
    this.need(COMMA);
    // Paths and columns; the parenthesis that is open is closed at the end of them.
    while (this.kind() !== CLOSE) {
      if (this.atEnd() || this.kind() === Kind.ERROR || this.word() === 'SELECT') this.fail();
      if (this.kind() === OPEN) this.skipParentheses();
      else this.at += 1;
    }
    this.need(CLOSE);
    return { kind: 'function', argument, alias: this.alias(false).name };
  }

  #table(): JoinTree {
    const name = this.tableName();
    let partitions = false;
    if (this.word() === 'PARTITION' && this.kind(1) === OPEN) {
      this.at += 1;
      this.nameList();
      partitions = true;
    }
    if (this.word() === 'FOR' && this.word(1) === 'SYSTEM_TIME') {
      this.at += 2;
      this.needWord('ALL');
    }
    const alias = this.alias(false).name;
    if (this.kind() === OPEN) this.fail();
    const end = this.at - 1;
    return { kind: 'table', name, alias, hints: this.#indexHints(), partitions, end };
  }

  #indexHints(): IndexHint[] {
    const hints: IndexHint[] = [];
    for (;;) {
      const next = this.word(1);
      if (next !== 'INDEX' && next !== 'KEY') return hints;
      const ignore = this.word() === 'IGNORE';
      if (!this.takeWord('USE', 'FORCE', 'IGNORE')) return hints;
      this.at += 1;
      const scoped = this.takeWord('FOR');
      if (scoped) {
        if (!this.takeWord('JOIN')) {
          this.needWord('ORDER', 'GROUP');
          this.needWord('BY');
        }
      }
      const indexes = this.kind(1) === CLOSE ? [] : this.nameList();
      if (indexes.length === 0) this.at += 2;
      if (!ignore) hints.push({ indexes, scoped });
      if (this.kind() === COMMA && ['USE', 'FORCE', 'IGNORE'].includes(this.word(1))) this.at += 1;
    }
  }
}
