/**
 * Parses queries (SELECT, VALUES, TABLE, WITH, set operations) and expressions of MariaDB and MySQL into query-ast.ts.
 * It reads what it is sure of and throws NotUnderstood for everything else; it resolves no names.
 *
 * Recursion follows nested queries and joins only; an expression of any depth is read in one loop.
 */
import { DOT, Kind } from './lexer.ts';
import type {
  Block,
  ColumnName,
  CommonTable,
  Expression,
  IndexHint,
  Item,
  JoinTree,
  Query,
  Surroundings,
  TableName,
  ValuesRows,
} from './query-ast.ts';
import { CLOSE, COMMA, OPEN, STAR, TokenCursor } from './token-cursor.ts';
import {
  AGGREGATES,
  CLAUSE_WORDS,
  FUNCTION_LIKE,
  INTERVAL_UNITS,
  isAlwaysReserved,
  NEVER_INSIDE,
  OPERAND_WORDS,
  SELECT_MODIFIERS,
  SET_OPERATORS,
  WINDOW_FUNCTIONS,
} from './words.ts';

const MINUS_SIGN = 0x2d;
const PLUS_SIGN = 0x2b;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** `undefined` as alias: there is none. */
interface Alias {
  readonly name: string | undefined;
}

export class QueryParser extends TokenCursor {
  /** A query begins here, parentheses in front of it aside. */
  atQuery(): boolean {
    let ahead = 0;
    while (this.kind(ahead) === OPEN) ahead += 1;
    return this.startsQuery(ahead);
  }

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

  /** A query expression with all that may follow it. */
  query(): Query {
    this.enter();
    const { commonTables, recursive } = this.#commonTables();
    const parts = { orderBy: [] as Expression[], rest: [] as Expression[] };
    const ends = { into: undefined as Query['into'], procedure: false };
    const body = this.#operation(ends);
    this.#tail(parts, ends);
    this.leave();
    return { kind: 'query', commonTables, recursive, body, ...parts, ...ends };
  }

  #commonTables(): { commonTables: CommonTable[]; recursive: boolean } {
    const commonTables: CommonTable[] = [];
    if (!this.takeWord('WITH')) return { commonTables, recursive: false };
    const recursive = this.takeWord('RECURSIVE');
    do {
      const name = this.name();
      const columns = this.kind() === OPEN ? this.nameList() : undefined;
      this.needWord('AS');
      this.need(OPEN);
      const query = this.query();
      this.need(CLOSE);
      if (this.takeWord('CYCLE')) {
        do this.anyName();
        while (this.take(COMMA));
        this.needWord('RESTRICT');
      }
      commonTables.push({ name, columns, query });
    } while (this.take(COMMA));
    return { commonTables, recursive };
  }

  #operation(ends: { into: Query['into'] }): Query['body'] {
    const first = this.#primary(ends);
    return this.#operationFrom(first);
  }

  /** The operands that follow a first one. */
  #operationFrom(first: Query['body']): Query['body'] {
    if (!SET_OPERATORS.has(this.word())) return first;
    const branches: Query[] = [wrapped(first)];
    const ends = { into: undefined as Query['into'] };
    while (SET_OPERATORS.has(this.word())) {
      this.at += 1;
      this.takeWord('ALL', 'DISTINCT');
      branches.push(wrapped(this.#primary(ends)));
    }
    const operation = { kind: 'operation', branches } as const;
    // An INTO in the last branch is one of the whole.
    return ends.into === undefined ? operation : { ...wrapped(operation), into: ends.into };
  }

  #primary(ends: { into: Query['into'] }): Query['body'] {
    if (this.take(OPEN)) {
      const inner = this.query();
      this.need(CLOSE);
      return inner;
    }
    if (this.takeWord('VALUES')) return this.#valuesRows();
    if (this.takeWord('TABLE')) {
      const name = this.tableName();
      const block = emptyBlock();
      block.items.push({ kind: 'star', table: undefined });
      block.from = { kind: 'table', name, alias: undefined, hints: [], partitions: false };
      return block;
    }
    this.needWord('SELECT');
    return this.#block(ends);
  }

  #valuesRows(): ValuesRows {
    const expressions: Expression[] = [];
    let width = 0;
    do {
      this.takeWord('ROW');
      this.need(OPEN);
      const before = expressions.length;
      if (this.kind() !== CLOSE) expressions.push(...this.expressions());
      this.need(CLOSE);
      if (width === 0) width = expressions.length - before;
    } while (this.take(COMMA));
    return { kind: 'values', expressions, width };
  }

  #tail(parts: { orderBy: Expression[]; rest: Expression[] }, ends: { into: Query['into']; procedure: boolean }): void {
    for (;;) {
      if (this.takeWord('ORDER')) {
        this.needWord('BY');
        parts.orderBy.push(...this.#sortKeys());
      } else if (this.takeWord('LIMIT')) {
        if (!this.#takeRowsExamined()) parts.rest.push(...this.expressions());
        if (this.takeWord('OFFSET')) parts.rest.push(this.expression());
        this.#takeRowsExamined();
      } else if (this.mariadb && this.takeWord('OFFSET')) {
        parts.rest.push(this.expression());
        this.takeWord('ROW', 'ROWS');
      } else if (this.takeWord('FETCH')) {
        this.needWord('FIRST', 'NEXT');
        if (this.kind() === Kind.INTEGER || this.kind() === Kind.PARAMETER) this.at += 1;
        this.needWord('ROW', 'ROWS');
        if (this.takeWord('WITH')) this.needWord('TIES');
        else this.needWord('ONLY');
      } else if (this.takeWord('PROCEDURE')) {
        ends.procedure = true;
        this.name();
        this.need(OPEN);
        if (this.kind() !== CLOSE) parts.rest.push(...this.expressions());
        this.need(CLOSE);
      } else if (this.word() === 'INTO') {
        ends.into = this.#into();
      } else if (!this.#takeLocking()) {
        return;
      }
    }
  }

  #takeRowsExamined(): boolean {
    if (this.word() !== 'ROWS' || this.word(1) !== 'EXAMINED') return false;
    this.at += 2;
    this.expression();
    return true;
  }

  /** FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE. */
  #takeLocking(): boolean {
    if (this.takeWord('LOCK')) {
      this.needWord('IN');
      this.needWord('SHARE');
      this.needWord('MODE');
    } else if (this.takeWord('FOR')) {
      this.needWord('UPDATE', 'SHARE');
      if (this.takeWord('OF')) {
        do this.tableName();
        while (this.take(COMMA));
      }
    } else {
      return false;
    }
    if (this.takeWord('SKIP')) this.needWord('LOCKED');
    else if (this.takeWord('WAIT')) this.need(Kind.INTEGER);
    else this.takeWord('NOWAIT');
    return true;
  }

  /** Where the rows go instead of to the client. */
  #into(): 'variable' | 'file' {
    this.needWord('INTO');
    if (this.takeWord('DUMPFILE')) {
      this.need(Kind.STRING);
      return 'file';
    }
    if (this.takeWord('OUTFILE')) {
      this.need(Kind.STRING);
      if (this.takeWord('CHARACTER')) {
        this.needWord('SET');
        this.at += 1;
      } else if (this.takeWord('CHARSET')) {
        this.at += 1;
      }
      while (this.takeWord(...OUTFILE_WORDS)) {
        if (this.kind() === Kind.STRING || this.kind() === Kind.NUMBER) this.at += 1;
      }
      return 'file';
    }
    do {
      if (!this.take(Kind.VARIABLE)) this.name();
    } while (this.take(COMMA));
    return 'variable';
  }

  #block(ends: { into: Query['into'] }): Block {
    const block = emptyBlock();
    while (SELECT_MODIFIERS.has(this.word()) && !(this.word().startsWith('SQL_') && this.kind(1) === COMMA)) {
      if (this.word().startsWith('DISTINCT')) block.distinct = true;
      this.at += 1;
    }
    do block.items.push(this.item());
    while (this.take(COMMA));
    if (this.word() === 'INTO') ends.into = this.#into();
    if (this.takeWord('FROM')) {
      if (this.word() === 'DUAL') this.at += 1;
      else block.from = this.joinList();
    }
    if (this.takeWord('WHERE')) block.where = this.expression();
    if (this.takeWord('GROUP')) {
      this.needWord('BY');
      block.groupBy = this.#sortKeys();
      if (this.takeWord('WITH')) this.needWord('ROLLUP');
    }
    if (this.takeWord('HAVING')) block.having = this.expression();
    if (this.word() === 'WINDOW' && this.word(2) === 'AS') this.#windows(block);
    return block;
  }

  #windows(block: Block): void {
    this.at += 1;
    do {
      this.name();
      this.needWord('AS');
      if (this.kind() !== OPEN) this.fail();
      block.windows.push(this.expression());
    } while (this.take(COMMA));
  }

  /** Elements of ORDER BY or GROUP BY. */
  #sortKeys(): Expression[] {
    const keys: Expression[] = [];
    do {
      keys.push(this.expression());
      this.takeWord('ASC', 'DESC');
    } while (this.take(COMMA));
    return keys;
  }

  /** One element of a select list. */
  item(): Item {
    if (this.take(STAR)) return { kind: 'star', table: undefined };
    const star = this.#tryTableStar();
    if (star !== undefined) return star;
    const column = this.#tryBareColumn();
    if (column !== undefined) return column;
    const expression = this.#expression(true);
    return { kind: 'expression', expression, alias: this.#alias(true).name };
  }

  #tryTableStar(): Item | undefined {
    if (this.kind(1) === DOT && this.kind(2) === STAR && this.isName()) {
      const name = this.anyName();
      this.at += 2;
      return { kind: 'star', table: { schema: undefined, name } };
    }
    if (this.kind(1) === DOT && this.kind(3) === DOT && this.kind(4) === STAR && this.isName()) {
      const schema = this.anyName();
      this.at += 1;
      const name = this.anyName();
      this.at += 2;
      return { kind: 'star', table: { schema, name } };
    }
    return undefined;
  }

  /** A column, in parentheses or not, with or without an alias, and nothing more. */
  #tryBareColumn(): Item | undefined {
    const start = this.at;
    let open = 0;
    while (this.take(OPEN)) open += 1;
    const column = this.tryColumnName();
    if (column !== undefined) {
      while (open > 0 && this.take(CLOSE)) open -= 1;
      if (open === 0) {
        const alias = this.#alias(true);
        if (this.#endsItem()) return { kind: 'column', column, alias: alias.name };
      }
    }
    this.at = start;
    return undefined;
  }

  #endsItem(ahead = 0): boolean {
    const kind = this.kind(ahead);
    if (kind === COMMA || kind === CLOSE || kind === Kind.END || kind === 0x3b) return true;
    const word = this.word(ahead);
    // AS would be a second alias; ON may follow INSERT … SELECT.
    return CLAUSE_WORDS.has(word) && word !== 'AS' && word !== 'USING' && word !== 'TO';
  }

  #alias(strings: boolean): Alias {
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
    return (word === 'WINDOW' && this.word(2) === 'AS') || (SET_OPERATORS.has(word) && this.#startsOperand());
  }

  #startsOperand(): boolean {
    const next = this.word(1) === 'ALL' || this.word(1) === 'DISTINCT' ? 2 : 1;
    return this.kind(next) === OPEN || this.startsQuery(next);
  }

  expressions(): Expression[] {
    const list: Expression[] = [];
    do list.push(this.expression());
    while (this.take(COMMA));
    return list;
  }

  /** Up to a comma, a closing parenthesis or a clause at this level. */
  expression(): Expression {
    return this.#expression(false);
  }

  /** @param aliased an alias may follow, and is left standing. */
  #expression(aliased: boolean): Expression {
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
          if (!inside && SET_OPERATORS.has(word) && this.#startsOperand()) break;
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
    if (SET_OPERATORS.has(word) && this.#startsOperand()) {
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
    if (this.at === start || !this.#endsItem(1)) return false;
    const before = this.tokens.kind(this.at - 1);
    if (interval && INTERVAL_UNITS.has(this.word())) return false;
    if (this.kind() === Kind.WORD && !this.isName()) return false;
    if (before === Kind.WORD) {
      const word = this.tokens.upper(this.at - 1);
      if (this.kind() === Kind.STRING && word.startsWith('_')) return false;
      return !isAlwaysReserved(word) || OPERAND_WORDS.has(word);
    }
    if (before === Kind.STRING) return this.kind() !== Kind.STRING;
    return (
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

  /** The tables of a FROM, an UPDATE or a multi-table DELETE. */
  joinList(): JoinTree {
    this.enter();
    let tree = this.#joined();
    while (this.take(COMMA)) tree = joinOf(tree, this.#joined(), {});
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
      tree = joinOf(tree, right, { ...join, ...condition });
    }
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
      const tree = this.#joined();
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
      else if (this.#continuesQuery()) result = { query: this.#queryFrom(inner.query) };
      else result = this.#listFrom(this.#joinsFrom(this.#derived(inner.query, false)));
    } else {
      result = this.joinList();
    }
    this.need(CLOSE);
    this.leave();
    return result;
  }

  #listFrom(first: JoinTree): JoinTree {
    let tree = first;
    while (this.take(COMMA)) tree = joinOf(tree, this.#joined(), {});
    return tree;
  }

  #continuesQuery(): boolean {
    const word = this.word();
    if (this.kind() === CLOSE || word === 'ORDER' || word === 'LIMIT' || word === 'FOR' || word === 'INTO') return true;
    return SET_OPERATORS.has(word) && this.#startsOperand();
  }

  #queryFrom(first: Query): Query {
    const parts = { orderBy: [] as Expression[], rest: [] as Expression[] };
    const ends = { into: undefined as Query['into'], procedure: false };
    const body = this.#operationFrom(first);
    this.#tail(parts, ends);
    return { kind: 'query', commonTables: [], recursive: false, body, ...parts, ...ends };
  }

  #derived(query: Query, lateral: boolean): JoinTree {
    const alias = this.#alias(false).name;
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
    return { kind: 'function', argument, alias: this.#alias(false).name };
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
    const alias = this.#alias(false).name;
    if (this.kind() === OPEN) this.fail();
    return { kind: 'table', name, alias, hints: this.#indexHints(), partitions };
  }

  #indexHints(): IndexHint[] {
    const hints: IndexHint[] = [];
    for (;;) {
      const next = this.word(1);
      if (next !== 'INDEX' && next !== 'KEY') return hints;
      const ignore = this.word() === 'IGNORE';
      if (!this.takeWord('USE', 'FORCE', 'IGNORE')) return hints;
      this.at += 1;
      if (this.takeWord('FOR')) {
        if (!this.takeWord('JOIN')) {
          this.needWord('ORDER', 'GROUP');
          this.needWord('BY');
        }
      }
      const indexes = this.kind(1) === CLOSE ? [] : this.nameList();
      if (indexes.length === 0) this.at += 2;
      if (!ignore) hints.push({ indexes });
      if (this.kind() === COMMA && ['USE', 'FORCE', 'IGNORE'].includes(this.word(1))) this.at += 1;
    }
  }
}

const OUTFILE_WORDS = [
  'FIELDS',
  'COLUMNS',
  'TERMINATED',
  'BY',
  'OPTIONALLY',
  'ENCLOSED',
  'ESCAPED',
  'LINES',
  'STARTING',
] as const;

function emptyBlock(): Block {
  return {
    kind: 'block',
    distinct: false,
    items: [],
    from: undefined,
    where: undefined,
    groupBy: [],
    having: undefined,
    windows: [],
  };
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

function wrapped(body: Query['body']): Query {
  if (body.kind === 'query') return body;
  return {
    kind: 'query',
    commonTables: [],
    recursive: false,
    body,
    orderBy: [],
    rest: [],
    into: undefined,
    procedure: false,
  };
}

function joinOf(
  left: JoinTree,
  right: JoinTree,
  how: {
    readonly natural?: boolean;
    readonly rightFirst?: boolean;
    readonly on?: Expression | undefined;
    readonly using?: readonly string[] | undefined;
  },
): JoinTree {
  return {
    kind: 'join',
    left,
    right,
    natural: how.natural ?? false,
    rightFirst: how.rightFirst ?? false,
    using: how.using,
    on: how.on,
  };
}

export type { ColumnName, TableName };
