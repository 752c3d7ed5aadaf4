/**
 * An admin statement without its secrets, for the audit log. Pure, and it fails closed: only forms it understands to the
 * end keep their values; of anything else what follows the first value is left out. Comments are left out always.
 */
import { isCode, type Token, tokenize, unquote } from '../db/sql-tokens.ts';
import { HIDDEN, isSecretVariable } from '../secrets.ts';
import { findVariable } from '../variables/spec.ts';

/** Characters of a statement the audit log looks at and keeps; an import of users may have millions. */
export const auditStatementCharsMax = 16_384;

/** Tables with nothing but plain values; of others, and of tables nobody knows, values are kept only where it is safe. */
const PLAIN_TABLE =
  /^(runtime_)?(mysql_(servers|query_rules|query_rules_fast_routing|replication_hostgroups|group_replication_hostgroups|galera_hostgroups|aws_aurora_hostgroups|hostgroup_attributes|firewall_whitelist_(users|rules|sqli_fingerprints)|masking_(columns|users))|proxysql_servers)$/i;

/** Columns of mysql_users, in their order, for an INSERT that names none. */
const USER_COLUMNS: readonly string[] = [
  'username',
  'password',
  'active',
  'use_ssl',
  'default_hostgroup',
  'default_schema',
  'schema_locked',
  'transaction_persistent',
  'fast_forward',
  'backend',
  'frontend',
  'max_connections',
  'attributes',
  'comment',
];
const SECRET_USER_COLUMNS: ReadonlySet<string> = new Set(['password', 'attributes']);

/** A word that makes any statement suspicious. */
const TELLTALE = /pass|pwd|secret|credential|token|identified|auth|native|sha2/i;

/** First words of statements that are kept when they hold no value. */
const COMMANDS: ReadonlySet<string> = new Set(
  'LOAD SAVE PROXYSQL TRUNCATE VACUUM DROP CREATE ALTER DETACH REINDEX ANALYZE PRAGMA KILL FLUSH SELECT'.split(' '),
);

const CONDITION_WORDS: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT', 'IN', 'LIKE', 'IS', 'NULL', 'BETWEEN']);

export interface Redacted {
  readonly text: string;
  /** Something was left out: an error message may repeat it. */
  readonly hidden: boolean;
}

export function redact(sql: string): Redacted {
  const cut = sql.length > auditStatementCharsMax;
  const text = cut ? sql.slice(0, auditStatementCharsMax) : sql;
  const reader = new Reader(text, cut);
  const redacted = reader.redact();
  return cut ? { text: `${redacted.text} … (${sql.length} characters)`, hidden: true } : redacted;
}

/** Reads one statement; every method that understands its form returns the rest to write, the others give up. */
class Reader {
  readonly #sql: string;
  readonly #tokens: readonly Token[];
  readonly #cut: boolean;
  /** Something stands behind the first statement; it is not run, and not shown. */
  readonly #more: boolean;
  #parts: string[] = [];
  #hidden = false;

  constructor(sql: string, cut: boolean) {
    this.#sql = sql;
    const tokens = tokenize(sql).filter(isCode);
    const isEnd = (token: Token): boolean => token.kind === 'punctuation' && sql[token.start] === ';';
    const from = Math.max(
      0,
      tokens.findIndex((token) => !isEnd(token)),
    );
    const end = tokens.findIndex((token, index) => index > from && isEnd(token));
    this.#tokens = tokens.slice(from, end < 0 ? undefined : end);
    this.#more = end >= 0 && tokens.slice(end).some((token) => !isEnd(token));
    this.#cut = cut;
  }

  redact(): Redacted {
    if (!this.#understood()) this.#keepUntilFirstValue();
    if (this.#more) {
      this.#parts.push(';');
      this.#hide();
    }
    return { text: joined(this.#parts), hidden: this.#hidden };
  }

  #understood(): boolean {
    if (this.#tokens.some(({ kind }) => kind === 'illegal')) return false;
    switch (this.#word(0)) {
      case 'SET':
        return this.#set();
      case 'INSERT':
      case 'REPLACE':
        return this.#insert();
      case 'UPDATE':
        return this.#update();
      case 'DELETE':
        return this.#delete();
      default:
        return this.#withoutValues();
    }
  }

  #text(index: number): string {
    const token = this.#tokens[index];
    return token === undefined ? '' : this.#sql.slice(token.start, token.end);
  }

  #word(index: number): string {
    return this.#tokens[index]?.kind === 'word' ? this.#text(index).toUpperCase() : '';
  }

  /** A name with or without quotes, in lower case. */
  #name(index: number): string {
    const token = this.#tokens[index];
    return token === undefined ? '' : unquote(this.#sql, token).toLowerCase();
  }

  #isValue(index: number): boolean {
    const kind = this.#tokens[index]?.kind;
    return kind === 'string' || kind === 'number' || kind === 'blob' || kind === 'double-quoted';
  }

  #keep(from: number, to: number): void {
    for (let i = from; i < to; i += 1) this.#parts.push(this.#text(i));
  }

  #hide(): void {
    this.#hidden = true;
    this.#parts.push(HIDDEN);
  }

  /** The beginning of a statement nobody understands: its first word, and of changes to rows the table's name. */
  #keepUntilFirstValue(): void {
    this.#parts = [];
    const first = this.#word(0);
    const ofRows = /^(INSERT|REPLACE|UPDATE|DELETE)$/.test(first);
    const known = ofRows || first === 'SET' || first === 'WITH' || first === 'ATTACH' || COMMANDS.has(first);
    let i = known ? 1 : 0;
    const plain = (index: number): boolean =>
      this.#tokens[index]?.kind === 'word' &&
      !/^(VALUES|SET|WHERE)$/.test(this.#word(index)) &&
      !TELLTALE.test(this.#text(index));
    while (ofRows && i < 4 && plain(i)) i += 1;
    this.#keep(0, i);
    if (i < this.#tokens.length) this.#hide();
  }

  /** No value at all, and no word that could be one without its quotes beside a telling word. */
  #withoutValues(): boolean {
    const values = this.#tokens.some((_, index) => this.#isValue(index));
    if (values || !COMMANDS.has(this.#word(0)) || TELLTALE.test(this.#sql)) return false;
    this.#keep(0, this.#tokens.length);
    return true;
  }

  /** SET name = value: shown for variables that are known and hold no secret. */
  #set(): boolean {
    const text = this.#sql.slice(this.#tokens[0]?.start ?? 0);
    const [, name = '', operator = ''] = /^set\s+([\w.@-]+)\s*(:?=)/i.exec(text) ?? [];
    if (name === '') return false;
    const variable = findVariable(name);
    this.#parts.push('SET', name, operator);
    if (variable === undefined || isSecretVariable(name)) {
      this.#hide();
      return true;
    }
    // Comments are no part of a value that is kept.
    const from = this.#tokens.findIndex((token) => this.#sql[token.start] === '=' && token.kind === 'punctuation');
    this.#keep(from + 1, this.#tokens.length);
    return from >= 0;
  }

  /** The index behind `[schema .] table`, and the table's name; undefined for anything else. */
  #table(at: number): { readonly table: string; readonly next: number } | undefined {
    const nameLike = (index: number): boolean =>
      ['word', 'double-quoted', 'quoted-name'].includes(this.#tokens[index]?.kind ?? '');
    if (!nameLike(at)) return undefined;
    if (this.#text(at + 1) !== '.') return { table: this.#name(at), next: at + 1 };
    return nameLike(at + 2) ? { table: this.#name(at + 2), next: at + 3 } : undefined;
  }

  /** Which of the values of a row are secret; undefined when that cannot be told. */
  #secretColumns(table: string, columns: readonly string[] | undefined): ((index: number) => boolean) | undefined {
    const named = columns ?? (table === 'mysql_users' ? USER_COLUMNS : undefined);
    if (PLAIN_TABLE.test(table)) return () => false;
    if (table !== 'mysql_users' || named === undefined) return undefined;
    return (index) => {
      const column = named[index];
      return column === undefined || SECRET_USER_COLUMNS.has(column) || !USER_COLUMNS.includes(column);
    };
  }

  #insert(): boolean {
    let at = 1;
    if (this.#word(at) === 'OR') at += 2;
    if (this.#word(at) !== 'INTO') return false;
    const target = this.#table(at + 1);
    if (target === undefined) return false;
    at = target.next;
    let columns: string[] | undefined;
    if (this.#text(at) === '(') {
      columns = [];
      for (at += 1; ; at += 2) {
        columns.push(this.#name(at));
        if (this.#text(at + 1) === ')') break;
        if (this.#text(at + 1) !== ',') return false;
      }
      at += 2;
    }
    if (this.#word(at) !== 'VALUES') return false;
    this.#keep(0, at + 1);
    if (target.table === 'global_variables') return this.#variableRows(at + 1, columns);
    const secret = this.#secretColumns(target.table, columns);
    return secret !== undefined && this.#rows(target.table, at + 1, secret, columns?.length);
  }

  /** ( … ), ( … ) to the end. An incomplete last row of a text that was cut is left out. */
  #rows(table: string, from: number, secret: (index: number) => boolean, width: number | undefined): boolean {
    let at = from;
    for (;;) {
      if (this.#text(at) !== '(') return false;
      const items = this.#items(at + 1);
      if (items === undefined) return this.#cut && this.#hideRest();
      if (width !== undefined && items.length !== width) return false;
      this.#parts.push('(');
      for (const [index, [start, end]] of items.entries()) {
        if (index > 0) this.#parts.push(',');
        this.#value(table, secret(index), start, end);
      }
      this.#parts.push(')');
      at = (items.at(-1)?.[1] ?? at) + 1;
      if (at >= this.#tokens.length) return true;
      // What may follow, ON CONFLICT and RETURNING, assigns values, too.
      if (this.#text(at) !== ',') return this.#hideRest();
      this.#parts.push(',');
      at += 1;
      if (at >= this.#tokens.length) return this.#cut && this.#hideRest();
    }
  }

  /** Of users, only plain values are shown: an expression may be a statement that lost a blank. */
  #value(table: string, secret: boolean, start: number, end: number): void {
    if (secret || (table === 'mysql_users' && end - start > 2)) this.#hide();
    else this.#keep(start, end);
  }

  #hideRest(): boolean {
    this.#hide();
    return true;
  }

  /** Start and end of each expression up to the bracket that closes; undefined when none does. */
  #items(from: number): (readonly [start: number, end: number])[] | undefined {
    const items: [number, number][] = [];
    let depth = 0;
    let start = from;
    for (let at = from; at < this.#tokens.length; at += 1) {
      const text = this.#text(at);
      if (text === '(') depth += 1;
      else if (text === ')' && depth > 0) depth -= 1;
      else if (text === ')') {
        items.push([start, at]);
        return items;
      } else if (text === ',' && depth === 0) {
        items.push([start, at]);
        start = at + 1;
      }
    }
    return undefined;
  }

  /** VALUES of global_variables: pairs of a name and a value, shown when the name is known and holds no secret. */
  #variableRows(from: number, columns: readonly string[] | undefined): boolean {
    if (columns !== undefined && columns.join() !== 'variable_name,variable_value') return false;
    let at = from;
    for (;;) {
      const items = this.#text(at) === '(' ? this.#items(at + 1) : undefined;
      if (items?.length !== 2) return false;
      const [name, value] = items as [readonly [number, number], readonly [number, number]];
      const variable = this.#plainVariable(name[0], name[1]);
      this.#parts.push('(');
      if (variable) this.#keep(name[0], name[1]);
      else this.#hide();
      this.#parts.push(',');
      if (variable) this.#keep(value[0], value[1]);
      else this.#hide();
      this.#parts.push(')');
      at = value[1] + 1;
      if (at >= this.#tokens.length) return true;
      if (this.#text(at) !== ',') return this.#hideRest();
      this.#parts.push(',');
      at += 1;
    }
  }

  /** One string that names a variable without a secret. */
  #plainVariable(start: number, end: number): boolean {
    const token = this.#tokens[start];
    if (end !== start + 1 || token === undefined || !this.#isValue(start)) return false;
    const name = unquote(this.#sql, token);
    return findVariable(name) !== undefined && !isSecretVariable(name);
  }

  #update(): boolean {
    let at = this.#word(1) === 'OR' ? 3 : 1;
    const target = this.#table(at);
    if (target === undefined || this.#word(target.next) !== 'SET') return false;
    const { table } = target;
    const where = this.#find('WHERE', target.next);
    const end = where < 0 ? this.#tokens.length : where;
    if (this.#find('FROM', target.next) >= 0 || this.#find('RETURNING', target.next) >= 0) return false;
    if (table === 'global_variables') return this.#updateVariables(target.next, end);
    const secret = this.#secretColumns(table, undefined);
    if (secret === undefined) return false;
    this.#keep(0, target.next + 1);
    at = target.next + 1;
    while (at < end) {
      const column = this.#name(at);
      if (this.#text(at + 1) !== '=') return false;
      let depth = 0;
      let stop = at + 2;
      for (; stop < end && (depth > 0 || this.#text(stop) !== ','); stop += 1) {
        if (this.#text(stop) === '(') depth += 1;
        else if (this.#text(stop) === ')') depth -= 1;
      }
      if (depth !== 0) return false;
      this.#keep(at, at + 2);
      const hidden = table === 'mysql_users' && (SECRET_USER_COLUMNS.has(column) || !USER_COLUMNS.includes(column));
      this.#value(table, hidden, at + 2, stop);
      if (stop < end) this.#parts.push(',');
      at = stop + 1;
    }
    return where < 0 || this.#condition(table, where);
  }

  #delete(): boolean {
    if (this.#word(1) !== 'FROM') return false;
    const target = this.#table(2);
    if (target === undefined) return false;
    if (target.next === this.#tokens.length) {
      this.#keep(0, target.next);
      return true;
    }
    if (this.#word(target.next) !== 'WHERE') return false;
    const plain =
      PLAIN_TABLE.test(target.table) || target.table === 'mysql_users' || target.table === 'global_variables';
    if (!plain) return false;
    this.#keep(0, target.next);
    return this.#condition(target.table, target.next);
  }

  /** WHERE to the end: of users and variables, shown when it compares columns without secrets and does nothing else. */
  #condition(table: string, where: number): boolean {
    const columns =
      table === 'mysql_users'
        ? USER_COLUMNS.filter((column) => !SECRET_USER_COLUMNS.has(column))
        : table === 'global_variables'
          ? ['variable_name']
          : undefined;
    this.#keep(where, where + 1);
    for (let at = where + 1; columns !== undefined && at < this.#tokens.length; at += 1) {
      const { kind } = this.#tokens[at] as Token;
      const text = this.#text(at);
      const plain =
        kind === 'punctuation'
          ? /^([=<>(),]|<=|>=|<>|!=)$/.test(text)
          : kind === 'string' ||
            kind === 'number' ||
            CONDITION_WORDS.has(text.toUpperCase()) ||
            columns.includes(this.#name(at));
      if (!plain) return this.#hideRest();
    }
    this.#keep(where + 1, this.#tokens.length);
    return true;
  }

  /** SET variable_value = value WHERE variable_name = 'name': as a SET of that variable. */
  #updateVariables(set: number, end: number): boolean {
    const rest = end;
    const onlyOne =
      this.#name(set + 1) === 'variable_value' &&
      this.#text(set + 2) === '=' &&
      this.#word(rest) === 'WHERE' &&
      this.#name(rest + 1) === 'variable_name' &&
      this.#text(rest + 2) === '=' &&
      this.#tokens.length === rest + 4;
    if (!onlyOne) return false;
    const plain = this.#plainVariable(rest + 3, rest + 4);
    this.#keep(0, set + 3);
    if (plain) this.#keep(set + 3, end);
    else this.#hide();
    this.#keep(rest, rest + 3);
    const token = this.#tokens[rest + 3];
    const known =
      token !== undefined && this.#isValue(rest + 3) && findVariable(unquote(this.#sql, token)) !== undefined;
    if (known) this.#keep(rest + 3, rest + 4);
    else this.#hide();
    return true;
  }

  /** The first such word outside of brackets from there on; -1 when there is none. */
  #find(word: string, from: number): number {
    let depth = 0;
    for (let at = from; at < this.#tokens.length; at += 1) {
      const text = this.#text(at);
      if (text === '(') depth += 1;
      else if (text === ')') depth -= 1;
      else if (depth === 0 && this.#word(at) === word) return at;
    }
    return -1;
  }
}

/** Tokens with a blank between them, except around brackets, commas and dots. */
function joined(parts: readonly string[]): string {
  let text = '';
  let before = '(';
  for (const part of parts) {
    const tight = before === '(' || before === '.' || part === ')' || part === ',' || part === ';' || part === '.';
    text += tight ? part : ` ${part}`;
    before = part;
  }
  return text;
}
