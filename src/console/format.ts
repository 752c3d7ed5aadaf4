/**
 * Writes result sets as tables, tab-separated lines, one column a line, or JSON, as the mysql client does where it can.
 * It knows nothing of connections and prints nothing.
 */
import type { OutputFormat } from '../cli-options.ts';
import { displayWidth, escapeControls } from './display-width.ts';

export interface ConsoleColumn {
  readonly name: string;
  /** Shown on the right side of its column. */
  readonly numeric: boolean;
  /** May hold NULL, for which the mysql client leaves room. */
  readonly nullable: boolean;
}

export type Cell = string | null;

export interface RowsAnswer {
  readonly kind: 'rows';
  readonly columns: readonly ConsoleColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface FormatOptions {
  readonly format: OutputFormat;
  readonly skipColumnNames: boolean;
}

/** The text of one result set, ending with a line feed; '' when the format shows nothing for it. */
export function formatRows(answer: RowsAnswer, options: FormatOptions): string {
  switch (options.format) {
    case 'json':
      return formatJson(answer);
    case 'tsv':
      return formatTsv(answer, options.skipColumnNames);
    case 'vertical':
      return formatVertical(answer, options.skipColumnNames);
    case 'table':
      return answer.rows.length === 0 ? '' : formatTable(answer, options.skipColumnNames);
  }
}

function formatJson({ columns, rows }: RowsAnswer): string {
  const objects = rows.map((row) =>
    JSON.stringify(Object.fromEntries(columns.map((column, index) => [column.name, row[index] ?? null]))),
  );
  return objects.length === 0 ? '[]\n' : `[\n  ${objects.join(',\n  ')}\n]\n`;
}

const TSV_ESCAPES: Readonly<Record<string, string>> = { '\0': '\\0', '\t': '\\t', '\n': '\\n', '\\': '\\\\' };

function formatTsv({ columns, rows }: RowsAnswer, skipColumnNames: boolean): string {
  if (rows.length === 0) return '';
  const escapeCell = (text: string) => text.replace(/[\0\t\n\\]/g, (char) => TSV_ESCAPES[char] ?? char);
  const lines = rows.map((row) => row.map((cell) => (cell === null ? 'NULL' : escapeCell(cell))).join('\t'));
  if (!skipColumnNames) lines.unshift(columns.map((column) => escapeCell(column.name)).join('\t'));
  return `${lines.join('\n')}\n`;
}

function formatVertical({ columns, rows }: RowsAnswer, skipColumnNames: boolean): string {
  const width = Math.max(0, ...columns.map((column) => displayWidth(column.name)));
  const stars = '*'.repeat(27);
  return rows
    .map((row, index) => {
      const lines = columns.map((column, at) => {
        const value = escapeControls(row[at] ?? 'NULL');
        return skipColumnNames ? value : `${pad(escapeControls(column.name), width, true)}: ${value}`;
      });
      return `${stars} ${index + 1}. row ${stars}\n${lines.join('\n')}\n`;
    })
    .join('');
}

/** A cell with line feeds takes several lines of the table, so that CREATE TABLE stays readable. */
function formatTable({ columns, rows }: RowsAnswer, skipColumnNames: boolean): string {
  const header = columns.map((column) => cellLines(column.name));
  const body = rows.map((row) => columns.map((_, index) => cellLines(row[index] ?? null)));
  const visible = skipColumnNames ? body : [header, ...body];
  const widths = columns.map((_, index) => {
    // Not Math.max(...lines): a large result has more rows than a call may have arguments.
    let width = columns[index]?.nullable === true ? 'NULL'.length : 0;
    for (const line of visible) {
      for (const text of line[index] ?? []) width = Math.max(width, displayWidth(text));
    }
    return width;
  });
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`;
  const alignRight = columns.map((column) => column.numeric);
  const left = columns.map(() => false);
  const head = skipColumnNames ? '' : tableRow(header, widths, left) + rule;
  return rule + head + body.map((row) => tableRow(row, widths, alignRight)).join('') + rule;
}

function cellLines(cell: Cell): string[] {
  return escapeControls(cell ?? 'NULL')
    .replaceAll('\t', '    ')
    .split('\n');
}

function tableRow(cells: readonly (readonly string[])[], widths: readonly number[], right: readonly boolean[]): string {
  let height = 1;
  for (const lines of cells) height = Math.max(height, lines.length);
  let text = '';
  for (let line = 0; line < height; line++) {
    const parts = cells.map((lines, index) => pad(lines[line] ?? '', widths[index] ?? 0, right[index] === true));
    text += `| ${parts.join(' | ')} |\n`;
  }
  return text;
}

function pad(text: string, width: number, right: boolean): string {
  const spaces = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return right ? spaces + text : text + spaces;
}
