/**
 * Parses queries (SELECT, VALUES, TABLE, WITH, set operations) of MariaDB and MySQL into query-ast.ts. It reads what it is
 * sure of and throws NotUnderstood for everything else; it resolves no names. Recursion follows nested queries and joins
 * only.
 */
import { JoinParser } from './join-parser.ts';
import { DOT, Kind } from './lexer.ts';
import type { Block, CommonTable, CommonTables, Expression, Item, Query, ValuesRows } from './query-ast.ts';
import { CLOSE, COMMA, OPEN, PART, STAR } from './token-cursor.ts';
import { SELECT_MODIFIERS, SET_OPERATORS } from './words.ts';

export class QueryParser extends JoinParser {
  /** A query begins here, parentheses in front of it aside. */
  atQuery(): boolean {
    let ahead = 0;
    while (this.kind(ahead) === OPEN) ahead += 1;
    return this.startsQuery(ahead);
  }

  /** A query expression with all that may follow it. */
  query(): Query {
    this.enter();
    this.spend(PART);
    const { commonTables, recursive } = this.commonTables();
    const parts = { orderBy: [] as Expression[], rest: [] as Expression[] };
    const ends = { into: undefined as Query['into'], procedure: false };
    const body = this.#operation(ends);
    this.#tail(parts, ends);
    this.leave();
    return { kind: 'query', commonTables, recursive, body, ...parts, ...ends };
  }

  /** WITH and what it defines; nothing when it is not there. */
  commonTables(): CommonTables {
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
      const verb = this.at - 1;
      const name = this.tableName();
      const block = emptyBlock();
      block.items.push({ kind: 'star', table: undefined });
      block.from = { kind: 'table', name, alias: undefined, hints: [], partitions: false, end: this.at - 1, verb };
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
    this.spend(PART);
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
    this.spend(1);
    if (this.take(STAR)) return { kind: 'star', table: undefined };
    const star = this.#tryTableStar();
    if (star !== undefined) return star;
    const column = this.#tryBareColumn();
    if (column !== undefined) return column;
    const expression = this.expressionOf(true);
    return { kind: 'expression', expression, alias: this.alias(true).name };
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
        const alias = this.alias(true);
        if (this.endsItem()) return { kind: 'column', column, alias: alias.name };
      }
    }
    this.at = start;
    return undefined;
  }

  queryFrom(first: Query): Query {
    const parts = { orderBy: [] as Expression[], rest: [] as Expression[] };
    const ends = { into: undefined as Query['into'], procedure: false };
    const body = this.#operationFrom(first);
    this.#tail(parts, ends);
    return { kind: 'query', commonTables: [], recursive: false, body, ...parts, ...ends };
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
