/**
 * What the judge says about a statement: the verdict, its plan per output column, and the stable reason codes.
 * It decides nothing; docs/MASKING.md explains each code.
 */
import type { TextEdit } from './text-edits.ts';

/** A column of a base table or a view, spelled as the catalog (or, without one, the policy or the statement) spells it. */
export interface SourceColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/** One column of a result set, by position. */
export interface OutputColumn {
  /** Where the value comes from unchanged; undefined for expressions and what the catalog does not know. */
  readonly source: SourceColumn | undefined;
  /** Index into CompiledPolicy.columns of the mask to apply; undefined: the value is sent as it is. */
  readonly mask: number | undefined;
}

/** Why a statement is refused. The codes are part of the interface: they are never given a new meaning. */
export const Reason = {
  UNREADABLE: 'SLUICE-M01',
  AMBIGUOUS: 'SLUICE-M02',
  TOO_COMPLEX: 'SLUICE-M03',
  EXPRESSION: 'SLUICE-M04',
  AGGREGATE: 'SLUICE-M05',
  WINDOW: 'SLUICE-M06',
  WHERE: 'SLUICE-M07',
  HAVING: 'SLUICE-M08',
  JOIN: 'SLUICE-M09',
  GROUP_BY: 'SLUICE-M10',
  ORDER_BY: 'SLUICE-M11',
  DISTINCT: 'SLUICE-M12',
  SET_OPERATION: 'SLUICE-M13',
  SUBQUERY: 'SLUICE-M14',
  VARIABLE: 'SLUICE-M15',
  OUTFILE: 'SLUICE-M16',
  COPY: 'SLUICE-M17',
  WRITE: 'SLUICE-M18',
  DEFINITION: 'SLUICE-M19',
  EXPLAIN: 'SLUICE-M20',
  HANDLER: 'SLUICE-M21',
  DYNAMIC: 'SLUICE-M22',
  ROUTINE: 'SLUICE-M23',
  TRIGGER: 'SLUICE-M24',
  SYSTEM: 'SLUICE-M25',
  VIEW: 'SLUICE-M26',
  POSITION: 'SLUICE-M27',
  FINGERPRINT: 'SLUICE-M28',
  SERVER_FILE: 'SLUICE-M29',
  NO_SCHEMA: 'SLUICE-M30',
} as const;
/** M40 and above are given by what stands around the judge (results, diagnostics, commands). */
export type ReasonCode = (typeof Reason)[keyof typeof Reason];

export interface Refusal {
  readonly code: ReasonCode;
  /** The protected column, where one can be named. */
  readonly column: SourceColumn | undefined;
  /** What the statement does with it: `used in WHERE`. */
  readonly use: string;
  /** The whole sentence for the client, with the code: `Column a.b.c is protected: used in WHERE (SLUICE-M07)`. */
  readonly message: string;
}

export interface PassVerdict {
  readonly kind: 'pass';
  /** The answer holds what an earlier statement of the session left (SHOW WARNINGS, GET DIAGNOSTICS, @@warning_count). */
  readonly diagnostics: boolean;
  /** Runs a text that was prepared by an earlier SQL-level PREPARE, and judged then, under the policy of then. */
  readonly prepared: boolean;
  /** Folded names of temporary tables that the statement makes: from then on these names mean other tables. */
  readonly temporary?: readonly string[];
  /** What the text has to get on its way to the server, in order; at the first verdict, for all of them. */
  readonly edits?: readonly TextEdit[];
}

/** Every result set of the statement has exactly these columns. */
export interface MaskVerdict {
  readonly kind: 'mask';
  readonly columns: readonly OutputColumn[];
  /** See PassVerdict. */
  readonly edits?: readonly TextEdit[];
}

export interface RefuseVerdict {
  readonly kind: 'refuse';
  readonly refusal: Refusal;
}

export type Verdict = PassVerdict | MaskVerdict | RefuseVerdict;

export const PASS: PassVerdict = Object.freeze({ kind: 'pass', diagnostics: false, prepared: false });
export const PASS_DIAGNOSTICS: PassVerdict = Object.freeze({ kind: 'pass', diagnostics: true, prepared: false });
export const PASS_PREPARED: PassVerdict = Object.freeze({ kind: 'pass', diagnostics: false, prepared: true });

/** A refusal that names the column: `Column clinic.patients.phone is protected: used in WHERE (SLUICE-M07)`. */
export function refuseColumn(code: ReasonCode, column: SourceColumn, use: string): RefuseVerdict {
  const name = `${column.schema}.${column.table}.${column.column}`;
  return { kind: 'refuse', refusal: { code, column, use, message: `Column ${name} is protected: ${use} (${code})` } };
}

/** A refusal that can name no column: `Protected columns may be touched: the statement cannot be read (SLUICE-M01)`. */
export function refuseStatement(code: ReasonCode, use: string): RefuseVerdict {
  const message = `Protected columns may be touched: ${use} (${code})`;
  return { kind: 'refuse', refusal: { code, column: undefined, use, message } };
}
