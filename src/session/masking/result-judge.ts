/**
 * The second layer: the plan of the statement, by position, against what the server says of each column. Where they
 * agree the masks are bound; where a result was not planned, the server's names decide; any doubt cuts it off.
 */

import type { Catalog } from '../../masking/catalog.ts';
import { fold } from '../../masking/identifiers.ts';
import type { MaskVerdict, OutputColumn, Verdict } from '../../masking/verdict.ts';
import type { AnswerJudge, ResultJudgement } from '../../masks/answer-filter.ts';
import { type CellCharset, cellCharsetOf } from '../../masks/cell-charset.ts';
import { bindMask, type ColumnMask } from '../../masks/column-mask.ts';
import type { ResultColumn } from '../../masks/result-columns.ts';
import { errors, type ProtocolError } from '../../protocol/errors.ts';
import { GuardReason, guardError } from './codes.ts';
import { withoutValues } from './error-texts.ts';
import type { MaskingView } from './masking-runtime.ts';

export interface ResultJudgeOptions {
  readonly view: MaskingView;
  readonly catalogs: readonly Catalog[];
  readonly verdicts: readonly Verdict[];
  /** character_set_results, or that of the names. */
  readonly charset: string;
  /** The statement touches protected tables: warnings and texts of errors are withheld. */
  readonly quiet: boolean;
  /** The error is one of the hints that the server got with the statement. */
  readonly isOwn: (error: ProtocolError) => boolean;
  /** See AnswerJudge; only for a statement that touches nothing protected. */
  readonly passed: ((head: Buffer) => void) | undefined;
  /** Cells were masked; by the index of the configured row. */
  onMasked(row: number, cells: number): void;
  /** A result was cut off, or masked although nobody planned it. */
  onSurprise(what: string, column: string): void;
}

interface Name {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

export class ResultJudge implements AnswerJudge {
  readonly quiet: boolean;
  readonly #options: ResultJudgeOptions;
  readonly #charset: CellCharset;
  /** Of the result under way: the configured row of each masked column. */
  #rows: readonly number[] = [];

  constructor(options: ResultJudgeOptions) {
    this.#options = options;
    this.quiet = options.quiet;
    this.#charset = cellCharsetOf(options.charset);
  }

  judgeError(error: ProtocolError): ProtocolError {
    if (this.#options.isOwn(error)) return errors.indexGone();
    return this.quiet ? withoutValues(error) : error;
  }

  judgeResult(columns: readonly ResultColumn[], index: number): ResultJudgement {
    const { verdicts } = this.#options;
    // Of a single statement (CALL has several results) only the first one is planned.
    const verdict = verdicts.length === 1 && index > 0 ? undefined : verdicts[index];
    const plan = verdict?.kind === 'mask' ? verdict : undefined;
    if (columns.some((column) => hasZero(column))) {
      return this.#cut(GuardReason.CHARSET, 'the names of the result cannot be read', '');
    }
    if (plan !== undefined && plan.columns.length !== columns.length) {
      return this.#cut(GuardReason.RESULT, 'the result has other columns than expected', `${columns.length}`);
    }
    return this.#judgeColumns(columns, plan);
  }

  passed(head: Buffer): void {
    this.#options.passed?.(head);
  }

  masked(_columns: readonly ResultColumn[], counts: readonly number[]): void {
    counts.forEach((cells, index) => {
      const row = this.#rows[index] ?? -1;
      if (row >= 0) this.#options.onMasked(row, cells);
    });
  }

  #judgeColumns(columns: readonly ResultColumn[], plan: MaskVerdict | undefined): ResultJudgement {
    const rows: number[] = [];
    for (const [index, column] of columns.entries()) {
      const name = this.#nameOf(column);
      const planned = plan?.columns[index];
      const told = this.#rowOf(name);
      if (planned !== undefined && !this.#agree(planned, name, told)) {
        return this.#cut(GuardReason.RESULT, 'the result is not the one expected', written(name));
      }
      const row = planned?.mask ?? told;
      if (planned === undefined && row >= 0) {
        if (this.#options.view.policy === 'deny') {
          return this.#cut(GuardReason.DENIED, 'the user may not see protected columns', written(name));
        }
        this.#options.onSurprise('an unplanned result was masked by its metadata', written(name));
      }
      rows.push(row);
    }
    this.#rows = rows;
    if (rows.every((row) => row < 0)) return { kind: 'pass' };
    return { kind: 'masks', masks: columns.map((column, index) => this.#maskOf(rows[index] ?? -1, column)) };
  }

  #maskOf(row: number, column: ResultColumn): ColumnMask | undefined {
    const spec = this.#options.view.masking.masks[row];
    return spec === undefined ? undefined : bindMask(spec, column, this.#options.view.masking.secrets);
  }

  /**
   * A server names the table and column a value comes from, a view in place of its table, a derived table by its alias,
   * or nothing. Only the name of a base table is a fact to hold the plan against.
   */
  #agree(planned: OutputColumn, name: Name | undefined, told: number): boolean {
    if (name === undefined) return true;
    if (told >= 0 && planned.mask === undefined) return false;
    const { source } = planned;
    const isBase = this.#options.catalogs.some((catalog) => {
      const table = catalog.table(name.schema, name.table);
      return table !== undefined && table.view === undefined && hasColumn(table, name.column);
    });
    if (!isBase) return true;
    // What comes from a base table as it is was planned to come from that very column, or through a view of it.
    if (source === undefined) return planned.mask === undefined && told < 0;
    const sourceIsView = this.#options.catalogs.some(
      (catalog) => catalog.table(source.schema, source.table)?.view !== undefined,
    );
    return (
      sourceIsView ||
      (fold(source.schema) === fold(name.schema) &&
        fold(source.table) === fold(name.table) &&
        fold(source.column) === fold(name.column))
    );
  }

  #rowOf(name: Name | undefined): number {
    return name === undefined ? -1 : this.#options.view.masking.policy.protects(name.schema, name.table, name.column);
  }

  #nameOf(column: ResultColumn): Name | undefined {
    if (column.orgTable.length === 0 || column.orgName.length === 0) return undefined;
    return {
      schema: this.#text(column.schema),
      table: this.#text(column.orgTable),
      column: this.#text(column.orgName),
    };
  }

  #text(bytes: Buffer): string {
    return bytes.toString(this.#charset === 'bytes' ? 'latin1' : 'utf8');
  }

  #cut(code: GuardReason, why: string, column: string): ResultJudgement {
    this.#options.onSurprise(`a result was cut off: ${why}`, column);
    return { kind: 'cut', error: guardError(code, why) };
  }
}

function hasColumn(
  table: { readonly columns: readonly string[]; readonly invisible?: readonly string[] },
  name: string,
): boolean {
  const folded = fold(name);
  return (
    table.columns.some((column) => fold(column) === folded) ||
    (table.invisible ?? []).some((column) => fold(column) === folded)
  );
}

/** A zero byte is in no name but that of a wide character set. */
function hasZero({ schema, orgTable, orgName }: ResultColumn): boolean {
  return schema.includes(0) || orgTable.includes(0) || orgName.includes(0);
}

function written(name: Name | undefined): string {
  return name === undefined ? '' : `${name.schema}.${name.table}.${name.column}`;
}
