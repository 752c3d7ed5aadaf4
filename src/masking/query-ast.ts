/**
 * A query as the parser leaves it: who is read, what comes out, and which names each clause uses. Expressions are flat,
 * because any use of a protected column inside one is refused, whatever the expression does with it.
 */

export interface TableName {
  /** As written; undefined: the current schema. */
  readonly schema: string | undefined;
  readonly name: string;
}

/** A column as written: up to two qualifiers. */
export interface ColumnName {
  readonly schema: string | undefined;
  readonly table: string | undefined;
  readonly column: string;
}

/** Around which kind of function a name stands. */
export type Surroundings = 'plain' | 'aggregate' | 'window';

export interface Reference extends ColumnName {
  readonly around: Surroundings;
}

export interface Subquery {
  readonly query: Query;
  /** The operand of EXISTS: its columns are not looked at by the server. */
  readonly exists: boolean;
}

export interface Expression {
  readonly references: Reference[];
  readonly subqueries: Subquery[];
  /** Functions that are called; a stored one may be among them. */
  readonly calls: TableName[];
  /** `:=` */
  assigns: boolean;
  /** @@warning_count, @@error_count. */
  diagnostics: boolean;
  /** Made of numbers, signs and parentheses only: in ORDER BY and GROUP BY the position of a column; NaN: some position. */
  position: number | undefined;
  /** Nothing but one column, parentheses aside. */
  bare: ColumnName | undefined;
}

export type Item =
  | { readonly kind: 'star'; readonly table: TableName | undefined }
  | { readonly kind: 'column'; readonly column: ColumnName; readonly alias: string | undefined }
  | { readonly kind: 'expression'; readonly expression: Expression; readonly alias: string | undefined };

export interface CommonTable {
  readonly name: string;
  readonly columns: readonly string[] | undefined;
  readonly query: Query;
}

export interface CommonTables {
  readonly commonTables: readonly CommonTable[];
  readonly recursive: boolean;
}

export interface Block {
  readonly kind: 'block';
  distinct: boolean;
  items: Item[];
  from: JoinTree | undefined;
  where: Expression | undefined;
  groupBy: Expression[];
  having: Expression | undefined;
  windows: Expression[];
}

/** VALUES (…), (…): rows of expressions. */
export interface ValuesRows {
  readonly kind: 'values';
  readonly expressions: readonly Expression[];
  readonly width: number;
}

export interface SetOperation {
  readonly kind: 'operation';
  readonly branches: readonly Query[];
}

export interface Query extends CommonTables {
  readonly body: Block | ValuesRows | SetOperation | Query;
  readonly orderBy: readonly Expression[];
  /** LIMIT, OFFSET, arguments of PROCEDURE. */
  readonly rest: readonly Expression[];
  readonly into: 'variable' | 'file' | undefined;
  readonly procedure: boolean;
  readonly kind: 'query';
}

/** USE or FORCE. */
export interface IndexHint {
  readonly indexes: readonly string[];
  /** FOR JOIN, ORDER BY or GROUP BY only. */
  readonly scoped: boolean;
}

export type JoinTree =
  | {
      readonly kind: 'table';
      readonly name: TableName;
      readonly alias: string | undefined;
      readonly hints: readonly IndexHint[];
      readonly partitions: boolean;
      /** Index of the last token before the hints. */
      readonly end: number;
      /** Index of the word TABLE where that stands for SELECT * FROM. */
      readonly verb?: number;
    }
  | {
      readonly kind: 'derived';
      readonly query: Query;
      readonly alias: string | undefined;
      readonly columns: readonly string[] | undefined;
      readonly lateral: boolean;
    }
  /** JSON_TABLE(argument, …): its columns are its own. */
  | { readonly kind: 'function'; readonly argument: Expression; readonly alias: string | undefined }
  | {
      readonly kind: 'join';
      readonly left: JoinTree;
      readonly right: JoinTree;
      readonly natural: boolean;
      /** RIGHT JOIN: the right side's columns count as the first ones where columns are merged. */
      readonly rightFirst: boolean;
      readonly using: readonly string[] | undefined;
      readonly on: Expression | undefined;
    };
