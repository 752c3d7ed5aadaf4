/**
 * What can be said about a configuration variable, as data: its type, default and accepted values.
 * It does not judge values (admin/variables/normalise.ts) and holds no table (mysql-variables.ts, admin/variables).
 */

interface CommonSpec {
  /** A changed value is taken at the next start only. */
  readonly startUpOnly?: boolean;
  /** The value belongs to the product; whatever is set is put back. */
  readonly readOnly?: boolean;
  /** Whether sluice acts on it (`yes`) or only keeps, checks and shows it (`none`); a test compares with the sources. */
  readonly effect: 'yes' | 'none';
  /** Told at every LOAD while the value is not the default: what somebody who set it would wrongly rely on. */
  readonly unmet?: string;
}

export interface IntSpec extends CommonSpec {
  readonly type: 'int';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** Values are rounded up to the next of these. */
  readonly steps?: readonly number[];
}

export interface BoolSpec extends CommonSpec {
  readonly type: 'bool';
  readonly default: boolean;
}

export type TextRule =
  | { readonly kind: 'any' }
  | { readonly kind: 'non-empty' }
  /** A schema, or empty for none; ProxySQL has no empty one. */
  | { readonly kind: 'schema' }
  | { readonly kind: 'one-of'; readonly values: readonly string[] }
  /** A character set known to MySQL, or empty for the default. */
  | { readonly kind: 'charset' }
  | { readonly kind: 'collation' }
  /** A base name for log files: empty, or a path that names a file. */
  | { readonly kind: 'log-file' }
  /** `account=role;…` */
  | { readonly kind: 'roles' }
  /** Empty, `*`, or a comma list of CIDR networks. */
  | { readonly kind: 'networks' }
  /** Empty, or `schema`.`table`. */
  | { readonly kind: 'qualified-table' };

export interface TextSpec extends CommonSpec {
  readonly type: 'text';
  readonly default: string;
  readonly accepts: TextRule;
}

export type VariableSpec = IntSpec | BoolSpec | TextSpec;

type Options = Partial<CommonSpec>;

/** An integer within `min`..`max`, both included. */
export function int(
  fallback: number,
  min: number,
  max: number,
  options: Options & { readonly steps?: readonly number[] } = {},
): IntSpec {
  return { effect: 'none', ...options, type: 'int', default: fallback, min, max };
}

export function bool(fallback: boolean, options: Options = {}): BoolSpec {
  return { effect: 'none', ...options, type: 'bool', default: fallback };
}

export function text(fallback: string, accepts: TextRule['kind'] = 'any', options: Options = {}): TextSpec {
  if (accepts === 'one-of') throw new Error('use oneOf() for a list of words');
  return { effect: 'none', ...options, type: 'text', default: fallback, accepts: { kind: accepts } };
}

export function oneOf(fallback: string, values: readonly string[], options: Options = {}): TextSpec {
  return { effect: 'none', ...options, type: 'text', default: fallback, accepts: { kind: 'one-of', values } };
}

/** The default as SHOW VARIABLES prints it. */
export function defaultText(spec: VariableSpec): string {
  return String(spec.default);
}
