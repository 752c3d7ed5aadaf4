/**
 * What a text gets on its way to the server so that no index of a protected column decides the order of rows: where, and
 * what. It works in the bytes of the text, whatever their character set; which tables need it is row-order.ts's to say.
 */
import type { TextReading } from './charset.ts';
import type { TableIndexes } from './row-order.ts';
import type { Tokens } from './tokens.ts';

/**
 * `use`: USE INDEX with what is left, which holds for indexes that nobody has told about as well; `ignore`: IGNORE INDEX,
 * which goes with any other hint; `none`: no index, for a table that may be another one; `select`: SELECT * FROM for TABLE.
 */
export type EditForm = 'use' | 'ignore' | 'none' | 'select';

/** How a text stands within a literal of another. */
export interface LiteralQuoting {
  readonly quote: string;
  readonly backslashes: boolean;
}

/** The bytes of a text from `from` to `to` are replaced. */
export interface TextEdit {
  readonly from: number;
  readonly to: number;
  readonly form: EditForm;
  readonly indexes: TableIndexes | undefined;
  /** Around it, from within. */
  readonly quoting: readonly LiteralQuoting[];
}

/** An edit of any text of the same shape: offsets count from where a token begins, or ends. */
export interface TokenEdit extends TextEdit {
  readonly token: number;
  readonly behind: boolean;
}

const UNQUOTED: readonly LiteralQuoting[] = [];

/** A hint behind a token. */
export function hintBehind(token: number, form: EditForm, indexes: TableIndexes): TokenEdit {
  return { token, behind: true, from: 0, to: 0, form, indexes, quoting: UNQUOTED };
}

/** The word TABLE gives way to SELECT * FROM. */
export function selectInstead(token: number): TokenEdit {
  return { token, behind: false, from: 0, to: 'TABLE'.length, form: 'select', indexes: undefined, quoting: UNQUOTED };
}

/** In order, and by the bytes of this very text. */
export function located(edits: readonly TokenEdit[], tokens: Tokens): TextEdit[] {
  return edits
    .map(({ token, behind, from, to, ...rest }) => {
      const at = behind ? tokens.end(token) : tokens.start(token);
      return { from: at + from, to: at + to, ...rest };
    })
    .sort((a, b) => a.from - b.from);
}

/**
 * Edits of the text that a literal stands for, as edits of the literal; undefined when its bytes cannot be followed.
 * @param inner the text in UTF-8, which the edits are of
 */
export function withinLiteral(
  edits: readonly TextEdit[],
  inner: Buffer,
  tokens: Tokens,
  token: number,
): TokenEdit[] | undefined {
  const { reading, backslashEscapes } = tokens.mode;
  const bytes = tokens.bytes(token);
  const open = bytes[0] === SINGLE || bytes[0] === DOUBLE ? 0 : 1;
  const quote = bytes[open] ?? SINGLE;
  const placed: TokenEdit[] = [];
  let raw = open + 1;
  let units = 0;
  for (const edit of edits) {
    const ends: number[] = [];
    for (const at of [edit.from, edit.to]) {
      const wanted = inner.toString('utf8', 0, at).length;
      while (units < wanted) {
        const step = characterAt(bytes, raw, quote, reading, backslashEscapes);
        if (step === undefined) return undefined;
        raw += step.bytes;
        units += step.units;
      }
      if (units !== wanted) return undefined;
      ends.push(raw);
    }
    const [from = 0, to = 0] = ends;
    const quoting = [...edit.quoting, { quote: String.fromCharCode(quote), backslashes: backslashEscapes }];
    placed.push({ token, behind: false, from, to, form: edit.form, indexes: edit.indexes, quoting });
  }
  return placed;
}

const SINGLE = 0x27;
const DOUBLE = 0x22;
const BACKSLASH = 0x5c;

/** How many bytes of a literal stand for how many UTF-16 units of what it means. */
function characterAt(
  bytes: Buffer,
  at: number,
  quote: number,
  reading: TextReading,
  backslashes: boolean,
): { readonly bytes: number; readonly units: number } | undefined {
  const first = bytes[at];
  if (first === undefined || at >= bytes.length - 1) return undefined;
  if (first === quote) return { bytes: 2, units: 1 };
  if (first === BACKSLASH && backslashes) {
    const next = bytes[at + 1] ?? 0;
    if (next === 0x25 || next === 0x5f) return { bytes: 2, units: 2 };
    const escaped = plainAt(bytes, at + 1, reading);
    return escaped === undefined ? undefined : { bytes: 1 + escaped.bytes, units: escaped.units };
  }
  return plainAt(bytes, at, reading);
}

function plainAt(bytes: Buffer, at: number, reading: TextReading) {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { bytes: 1, units: 1 };
  const most = Math.min(4, bytes.length - 1 - at);
  const told = reading.characterLength?.(bytes, at, bytes.length - 1);
  for (let length = told ?? 1; length <= (told ?? most); length += 1) {
    const decoded = reading.decode(bytes.subarray(at, at + length));
    if (decoded !== undefined && decoded.length > 0) return { bytes: length, units: decoded.length };
  }
  return undefined;
}

/** The text with its edits; undefined when the name of an index cannot be written in its character set. */
export function edited(text: Buffer, edits: readonly TextEdit[], reading: TextReading): Buffer | undefined {
  const parts: Buffer[] = [];
  /** A text may name one table a thousand times. */
  const known = new Map<TableIndexes, Buffer>();
  let at = 0;
  for (const edit of edits) {
    const { indexes } = edit;
    const again = edit.form === 'use' && edit.quoting.length === 0 && indexes !== undefined;
    const made = (again ? known.get(indexes) : undefined) ?? written(edit, reading);
    if (made === undefined) return undefined;
    if (again) known.set(indexes, made);
    parts.push(text.subarray(at, edit.from), made);
    at = edit.to;
  }
  parts.push(text.subarray(at));
  return Buffer.concat(parts);
}

function written({ form, indexes, quoting }: TextEdit, reading: TextReading): Buffer | undefined {
  if (form === 'select') return Buffer.from('SELECT * FROM');
  if (form === 'none') return Buffer.from(' USE INDEX ()');
  const names: Buffer[] = [];
  for (const name of (form === 'use' ? indexes?.open : indexes?.hidden) ?? []) {
    let text = `\`${name.replaceAll('`', '``')}\``;
    for (const { quote, backslashes } of quoting) {
      if (backslashes) text = text.replaceAll('\\', '\\\\');
      text = text.replaceAll(quote, quote + quote);
    }
    const bytes = reading.encode(text);
    if (bytes !== undefined) names.push(bytes);
    // One that cannot be written is not used; one that is not hidden would be.
    else if (form === 'ignore') return undefined;
  }
  const list = names.flatMap((name, i) => (i === 0 ? [name] : [COMMA, name]));
  return Buffer.concat([form === 'use' ? USE : IGNORE, ...list, CLOSE]);
}

const USE = Buffer.from(' USE INDEX (');
const IGNORE = Buffer.from(' IGNORE INDEX (');
const COMMA = Buffer.from(', ');
const CLOSE = Buffer.from(')');

/**
 * One list for servers whose indexes differ: what all of them have and may be used. Undefined when there is none that all
 * of them take.
 */
export function agreed(lists: readonly (readonly TextEdit[])[]): readonly TextEdit[] | undefined {
  const byPlace = new Map<string, TextEdit>();
  for (const edit of lists.flat()) {
    const place = `${edit.from} ${edit.to} ${edit.form}`;
    const known = byPlace.get(place);
    if (known === undefined) byPlace.set(place, edit);
    else if (known.indexes !== undefined && edit.indexes !== undefined && !sameNames(known, edit)) {
      if (edit.form === 'ignore') return undefined;
      const theirs = new Set(edit.indexes.open);
      const open = known.indexes.open.filter((name) => theirs.has(name));
      byPlace.set(place, { ...known, indexes: { ...known.indexes, open } });
    }
  }
  return [...byPlace.values()].sort((a, b) => a.from - b.from);
}

function sameNames(a: TextEdit, b: TextEdit): boolean {
  if (a.indexes === b.indexes) return true;
  const names = ({ form, indexes }: TextEdit): string =>
    ((form === 'ignore' ? indexes?.hidden : indexes?.open) ?? []).join('\0');
  return names(a) === names(b);
}
