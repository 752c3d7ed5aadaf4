/**
 * The words of libconfig: positions, tokens and the tree of settings. No behaviour beyond naming them.
 */

/** Lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly at: Position }
  | { readonly kind: 'string'; readonly value: string; readonly at: Position }
  | { readonly kind: 'int'; readonly value: bigint; readonly at: Position }
  | { readonly kind: 'float'; readonly value: number; readonly at: Position }
  | { readonly kind: 'bool'; readonly value: boolean; readonly at: Position }
  | { readonly kind: 'mark'; readonly text: Mark; readonly at: Position }
  | { readonly kind: 'end'; readonly at: Position };

export const MARKS = ['=', ':', ';', ',', '{', '}', '(', ')', '[', ']'] as const;
export type Mark = (typeof MARKS)[number];

export interface Setting {
  readonly name: string;
  readonly value: ConfigValue;
  /** Of the name. */
  readonly at: Position;
}

export interface Group {
  readonly kind: 'group';
  readonly settings: readonly Setting[];
  readonly at: Position;
}

export type Scalar =
  | { readonly kind: 'string'; readonly value: string; readonly at: Position }
  | { readonly kind: 'int'; readonly value: bigint; readonly at: Position }
  | { readonly kind: 'float'; readonly value: number; readonly at: Position }
  | { readonly kind: 'bool'; readonly value: boolean; readonly at: Position };

export type ConfigValue =
  | Scalar
  | Group
  | { readonly kind: 'list'; readonly items: readonly ConfigValue[]; readonly at: Position }
  | { readonly kind: 'array'; readonly items: readonly Scalar[]; readonly at: Position };

/** Something wrong in a config file. The message is a sentence without file, line and column. */
export interface ConfigProblem extends Position {
  readonly message: string;
  /** error: the file, row or value is not taken. warning: it is, in the way the message says. */
  readonly severity: 'error' | 'warning';
}

/** `file:line:column: message`. */
export function formatConfigProblem({ file, line, column, message }: ConfigProblem): string {
  return `${file}:${line}:${column}: ${message}`;
}
