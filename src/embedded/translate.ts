/**
 * Rewrites one MySQL statement so that SQLite takes it: strings, variables, and the words SQLite lacks. What it does not
 * know it leaves alone; SQLite then says what it does not like. It executes nothing.
 */
import type { Scalar } from './session-variables.ts';
import type { Token } from './tokens.ts';

export interface TranslateContext {
  readonly systemVariable: (name: string) => Scalar;
  readonly userVariable: (name: string) => Scalar;
  /** Where a table without a schema is created. */
  readonly schema: string;
}

export interface Translation {
  readonly sql: string;
  /** `?` in the text. */
  readonly parameterCount: number;
  /** Gives a column its MySQL name again: SQLite names an expression after the text it was given. */
  readonly columnName: (name: string) => string;
}

/** Words that tell the optimiser something and nothing to SQLite. */
const IGNORED_AFTER_SELECT: ReadonlySet<string> = new Set([
  'sql_no_cache',
  'sql_cache',
  'sql_calc_found_rows',
  'sql_big_result',
  'sql_small_result',
  'sql_buffer_result',
  'high_priority',
  'straight_join',
]);

/** Functions of the same meaning under another name. */
const RENAMED_FUNCTIONS: Readonly<Record<string, string>> = {
  if: 'iif',
  schema: 'database',
  session_user: 'user',
  system_user: 'user',
};

/** Functions that may be called without parentheses. */
const PARENTHESES_OPTIONAL: ReadonlySet<string> = new Set([
  'current_user',
  'localtime',
  'localtimestamp',
  'current_timestamp',
  'current_date',
  'current_time',
]);

const SYMBOLS: Readonly<Record<string, string>> = { '&&': ' AND ', '||': ' OR ', '<=>': ' IS ', '/': ' * 1.0 / ' };

/** Rewrites the tokens of one statement. */
export function translate(tokens: readonly Token[], context: TranslateContext): Translation {
  return new Translator(tokens, context).run();
}

class Translator {
  readonly #tokens: readonly Token[];
  readonly #context: TranslateContext;
  /** SQLite's text for a token, and the token: to find the column names back. */
  readonly #replaced = new Map<string, string>();
  readonly #definesTable: boolean;
  #output = '';
  #at = 0;
  #parameterCount = 0;
  /** The significant token before the current one. */
  #before: Token | undefined;

  constructor(tokens: readonly Token[], context: TranslateContext) {
    this.#tokens = tokens.filter((token) => token.kind !== 'comment');
    this.#context = context;
    const [first] = this.#tokens.filter((token) => token.kind !== 'space');
    this.#definesTable = first?.value === 'create' || first?.value === 'alter';
  }

  run(): Translation {
    while (this.#at < this.#tokens.length) {
      const token = this.#tokens[this.#at];
      this.#step();
      if (token?.kind !== 'space') this.#before = token;
    }
    return {
      sql: this.#output,
      parameterCount: this.#parameterCount,
      columnName: (name) => restoreName(name, this.#replaced),
    };
  }

  #step(): void {
    const token = this.#tokens[this.#at];
    if (token === undefined) return;
    if (token.kind === 'word' && this.#word(token)) return;
    this.#at++;
    switch (token.kind) {
      case 'string':
        this.#replace(token, literal(token.value));
        return;
      case 'quoted-word':
        this.#replace(token, `"${token.value.replaceAll('"', '""')}"`);
        return;
      case 'system-variable':
        this.#replace(token, literal(this.#context.systemVariable(token.value)));
        return;
      case 'user-variable':
        this.#replace(token, literal(this.#context.userVariable(token.value)));
        return;
      case 'parameter':
        this.#parameterCount++;
        this.#output += '?';
        return;
      case 'symbol':
        this.#symbol(token);
        return;
      default:
        this.#output += token.text;
    }
  }

  /** Handles words that SQLite does not know; false leaves the word as it is. */
  #word(token: Token): boolean {
    const word = token.value;
    if (this.#definesTable) return this.#definition(word);
    if (IGNORED_AFTER_SELECT.has(word)) return this.#skip(1);
    if (word === 'for' && this.#follow('update')) return this.#skipToEnd();
    if (word === 'for' && this.#follow('share')) return this.#skipToEnd();
    if (word === 'lock' && this.#follow('in', 'share', 'mode')) return this.#skipToEnd();
    if (word === 'from' && this.#follow('dual')) return this.#skip(2);
    if (this.#before === undefined && this.#beginning(token)) return true;
    if (word === 'div') return this.#emit('/', 1);
    if (word === 'separator') return this.#emit(',', 1);
    if ((word === 'signed' || word === 'unsigned') && this.#before?.value === 'as')
      return this.#emit('INTEGER', this.#follow('integer') ? 2 : 1);
    if (/^_(utf8|utf8mb3|utf8mb4|latin1|binary|ascii)$/.test(word)) return this.#skip(1);
    if (word === 'collate') return this.#collation();
    return this.#function(token);
  }

  /** The first word of a statement; elsewhere DESC is an order and TRUNCATE a function. */
  #beginning(token: Token): boolean {
    const word = token.value;
    if (word === 'truncate') return this.#emit('DELETE FROM', this.#follow('table') ? 2 : 1);
    if (word === 'explain' || word === 'desc') return this.#emit('EXPLAIN QUERY PLAN', 1);
    if (word !== 'insert' && word !== 'update') return false;
    return this.#follow('ignore') && this.#emit(`${token.text} OR IGNORE`, 2);
  }

  #definition(word: string): boolean {
    if (word === 'engine' || word === 'default' || word === 'charset' || word === 'auto_increment') {
      return this.#tableOption(word);
    }
    const target = word === 'table' || word === 'view' || word === 'index' || word === 'trigger';
    return target && this.#qualifyTarget();
  }

  /** `ENGINE=InnoDB DEFAULT CHARSET=utf8mb4` behind the closing parenthesis. */
  #tableOption(word: string): boolean {
    const next = this.#significant(1)[0];
    if (word === 'default') return (next?.value === 'charset' || next?.value === 'character') && this.#skip(1);
    return next?.value === '=' && this.#skip(3);
  }

  /** Without a schema SQLite would create the table in its own main database. */
  #qualifyTarget(): boolean {
    const before = this.#output.toLowerCase();
    if (/\b(temporary|temp)\s+$/.test(before) || before.includes('"."') || /\bon\b/.test(before)) return false;
    const ahead = this.#significant(5);
    const skipped = ahead[0]?.value === 'if' ? (ahead[1]?.value === 'not' ? 3 : 2) : 0;
    if (ahead[skipped + 1]?.value === '.' || this.#context.schema === 'main') return false;
    this.#emitOriginal(skipped + 1);
    this.#output += ` "${this.#context.schema}".`;
    while (this.#tokens[this.#at]?.kind === 'space') this.#at++;
    return true;
  }

  /** MySQL's collations: case counts in those that end in _bin or _cs. */
  #collation(): boolean {
    const name = this.#significant(1)[0]?.value ?? '';
    if (!/^(utf8|latin1|ascii|binary)/.test(name)) return false;
    return this.#emit(/_(bin|cs|as_cs)$|^binary$/.test(name) ? 'COLLATE BINARY' : 'COLLATE NOCASE', 2);
  }

  #function(token: Token): boolean {
    const called = this.#significant(1)[0]?.value === '(';
    if (PARENTHESES_OPTIONAL.has(token.value)) {
      this.#replaced.set(`"${token.value}"()`, token.text);
      return this.#emit(called ? `"${token.value}"` : `"${token.value}"()`, 1);
    }
    const renamed = called ? RENAMED_FUNCTIONS[token.value] : undefined;
    if (renamed === undefined) return false;
    this.#at++;
    this.#replace(token, renamed);
    return true;
  }

  #symbol(token: Token): void {
    const replacement = SYMBOLS[token.text];
    if (replacement === undefined) this.#output += token.text;
    else this.#replace(token, replacement);
  }

  #replace(token: Token, text: string): void {
    this.#replaced.set(text, token.text);
    this.#output += text;
  }

  /** The next words are these. */
  #follow(...words: string[]): boolean {
    const ahead = this.#significant(words.length);
    return words.every((word, index) => ahead[index]?.value === word);
  }

  /** Tokens after the current one that are not white space. */
  #significant(count: number): Token[] {
    const found: Token[] = [];
    for (let at = this.#at + 1; at < this.#tokens.length && found.length < count; at++) {
      const token = this.#tokens[at];
      if (token !== undefined && token.kind !== 'space') found.push(token);
    }
    return found;
  }

  /** Writes `text` for the current and the following tokens, `count` in all. */
  #emit(text: string, count: number): true {
    this.#output += text;
    return this.#skip(count);
  }

  #skip(count: number): true {
    for (let left = count; left > 0 && this.#at < this.#tokens.length; this.#at++) {
      if (this.#tokens[this.#at]?.kind !== 'space') left--;
    }
    return true;
  }

  #skipToEnd(): true {
    this.#at = this.#tokens.length;
    return true;
  }

  #emitOriginal(count: number): void {
    const begin = this.#at;
    this.#skip(count);
    this.#output += this.#tokens
      .slice(begin, this.#at)
      .map((token) => token.text)
      .join('');
  }
}

/** A value as SQLite writes it. NUL would end SQLite's text, so such strings go as hex. */
export function literal(value: Scalar): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'string') return `X'${value.toString('hex')}'`;
  if (value.includes('\0')) return `CAST(X'${Buffer.from(value).toString('hex')}' AS TEXT)`;
  return `'${value.replaceAll("'", "''")}'`;
}

function restoreName(name: string, replaced: ReadonlyMap<string, string>): string {
  // A string literal is named by what it says, in MySQL.
  const original = replaced.get(name);
  if (original !== undefined && /^['"]/.test(original)) return original.slice(1, -1);
  let restored = name;
  for (const [replacement, text] of replaced) {
    if (restored.includes(replacement)) restored = restored.replaceAll(replacement, text);
  }
  return restored;
}
