/**
 * Random statements over the clinic schema, the same for the same seed: joins, derived and common tables, views, set
 * operations, windows, functions, subqueries, writes and definitions, dressed in comments, quotes and letters of any
 * case. It knows which statements touch no protected column; it judges nothing.
 */
import type { Random } from '../random.ts';

export type Kind = 'query' | 'write' | 'copy' | 'variable' | 'view' | 'explain';

export interface RandomStatement {
  readonly sql: string;
  readonly kind: Kind;
  /** No protected column is named, shown by a star or reached through a view. */
  readonly untouched: boolean;
  /** What to ask afterwards, where the statement shows nothing itself. */
  readonly after: readonly string[];
  /** The order of its rows is part of the answer. */
  readonly inOrder?: boolean;
}

interface Column {
  readonly name: string;
  readonly secret: boolean;
}

interface Source {
  readonly sql: string;
  readonly alias: string;
  readonly columns: readonly Column[];
}

const TABLES: Readonly<Record<string, readonly string[]>> = {
  patients: ['id', 'name', 'phone*', 'phone_ext', 'email', 'bank_account_number*', 'bank_pin*', 'city', 'note'],
  clinics: ['id', 'title', 'phone', 'city'],
  guesses: ['id', 'phone', 'label'],
  appointments: ['id', 'patient_id', 'clinic_id', 'status'],
  v_contact: ['id', 'name', 'contact*'],
  v_temp: ['id', 'contact*'],
  v_safe: ['id', 'name', 'city'],
  v_over: ['c2*', 'id'],
};
const TABLE_NAMES = ['patients', 'patients', 'patients', ...Object.keys(TABLES)];
const SAFE_TABLES = ['patients', 'patients', 'clinics', 'guesses', 'appointments', 'v_safe', 'v_contact'];
const LABELS = ['a', 'b2', 'phone', 'city', 'x', 'label1', 'bank_pin', 'total', 'name'];
const LITERALS = ["'x'", '1', 'NULL', "'phone'", '0x41', "'it''s'", "'a\\\\b'", '2.5', "''", '-1'];

/** How deep a statement's outermost query may nest others. */
const TOP = 3;

export class QueryGenerator {
  readonly #random: Random;
  /** Percent of columns that may be protected ones; 0: none is touched. */
  #secrets = 0;
  #aliases = 0;
  #touched = false;
  readonly #mysql: boolean;
  readonly #limits: readonly string[];

  /** @param limits what may stand at the end of a query, the first of which takes all rows */
  constructor(random: Random, family: 'mariadb' | 'mysql', limits: readonly string[] = [' LIMIT 1000']) {
    this.#random = random;
    this.#limits = limits;
    this.#mysql = family === 'mysql';
  }

  next(): RandomStatement {
    const random = this.#random;
    this.#secrets = random.chance(50) ? 0 : random.pick([5, 20, 50]);
    this.#aliases = 0;
    this.#touched = false;
    const made = this.#statement();
    const untouched = this.#secrets === 0 && !this.#touched;
    return { ...made, sql: this.#dressed(made.sql), untouched };
  }

  #statement(): Omit<RandomStatement, 'untouched'> {
    const random = this.#random;
    const roll = random.below(100);
    if (roll < 70) return { kind: 'query', sql: this.#query(TOP).sql, after: [] };
    if (roll < 82) return this.#write();
    if (roll < 88) {
      const into = random.pick([
        'INSERT INTO scratch (v) ',
        'INSERT INTO scratch (id, v) ',
        'CREATE TEMPORARY TABLE copied AS ',
      ]);
      const width = into.includes('(v)') ? 1 : 2;
      const after = into.startsWith('CREATE')
        ? ['SELECT * FROM copied', 'DROP TEMPORARY TABLE IF EXISTS copied']
        : ['SELECT v FROM scratch'];
      return { kind: 'copy', sql: into + this.#block(2, width).sql, after };
    }
    if (roll < 92) {
      const sources = this.#sources(1);
      const sql = random.pick([
        `SET @v = (SELECT ${this.#value(sources, 1)} FROM ${fromOf(sources)} ORDER BY 1 LIMIT 1)`,
        `SELECT ${this.#value(sources, 1)} INTO @v FROM ${fromOf(sources)} ORDER BY 1 LIMIT 1`,
        `DO @v := (SELECT ${this.#value(sources, 1)} FROM ${fromOf(sources)} ORDER BY 1 LIMIT 1)`,
      ]);
      return { kind: 'variable', sql, after: ['SELECT @v', 'SET @v = NULL'] };
    }
    if (roll < 96) {
      const { sql } = this.#block(2);
      return { kind: 'view', sql: `CREATE OR REPLACE VIEW made AS ${sql}`, after: ['SELECT * FROM made'] };
    }
    const format = random.pick(['', 'FORMAT=JSON ', this.#mysql ? 'FORMAT=TRADITIONAL ' : 'EXTENDED ']);
    return { kind: 'explain', sql: `EXPLAIN ${format}${this.#query(2).sql}`, after: ['SHOW WARNINGS'] };
  }

  #write(): Omit<RandomStatement, 'untouched'> {
    const random = this.#random;
    const sources = this.#sources(1, ['patients', 'clinics', 'guesses', 'appointments']);
    const where = random.chance(80) ? ` WHERE ${this.#condition(sources, 2)}` : '';
    const [target] = sources;
    const free = (target?.columns ?? []).filter(({ name }) => name !== 'id');
    const column = this.#columnOf(free);
    const name = `${target?.alias}.${column.name}`;
    const returning =
      !this.#mysql && random.chance(20) ? ` RETURNING ${this.#items([{ ...target!, alias: '' }], 1).sql}` : '';
    const sql = random.pick([
      `UPDATE ${fromOf(sources)} SET ${name} = ${this.#value(sources, 1)}${where}`,
      `UPDATE ${fromOf(sources)} SET ${name} = NULL${where}`,
      `DELETE ${target?.alias} FROM ${fromOf(sources)}${where}`,
      `INSERT INTO guesses (label) VALUES (${this.#literal()}), ('x')`,
      `INSERT INTO patients (name, city) VALUES ('new', ${this.#literal()})`,
      `DELETE FROM ${target?.sql.split(' ')[0]}${random.chance(50) ? ' WHERE id = 1' : ''}${returning}`,
    ]);
    return { kind: 'write', sql, after: [] };
  }

  #query(depth: number): { sql: string; columns: readonly Column[] } {
    const random = this.#random;
    if (depth > 0 && random.chance(15)) return this.#withQuery(depth);
    if (depth > 0 && random.chance(12)) {
      const width = 1 + random.below(3);
      const first = this.#block(depth - 1, width);
      const second = this.#block(depth - 1, width);
      const operator = random.pick(['UNION', 'UNION ALL', 'UNION DISTINCT', 'EXCEPT', 'INTERSECT']);
      return { sql: `${wrap(first.sql, random)} ${operator} ${wrap(second.sql, random)}`, columns: first.columns };
    }
    return this.#block(depth);
  }

  #withQuery(depth: number): { sql: string; columns: readonly Column[] } {
    const random = this.#random;
    const inner = this.#block(depth - 1);
    const name = random.pick(['w', 'patients2', 'cte']);
    const columns = inner.columns.map((column, i) => ({ name: `k${i}`, secret: column.secret }));
    const source = { sql: name, alias: name, columns };
    const outer = this.#blockFrom([source], depth - 1);
    const list = columns.map((column) => column.name).join(', ');
    return { sql: `WITH ${name}(${list}) AS (${inner.sql}) ${outer.sql}`, columns: outer.columns };
  }

  #block(depth: number, width?: number): { sql: string; columns: readonly Column[] } {
    return this.#blockFrom(this.#sources(depth), depth, width);
  }

  #blockFrom(sources: readonly Source[], depth: number, width?: number): { sql: string; columns: readonly Column[] } {
    const random = this.#random;
    const where = random.chance(50) ? ` WHERE ${this.#condition(sources, depth)}` : '';
    if (random.chance(15)) return this.#grouped(sources, where, depth, width);
    const { sql, columns } = this.#items(sources, depth, width);
    const modifier = random.chance(8) ? random.pick(['DISTINCT ', 'ALL ', 'SQL_NO_CACHE ', 'HIGH_PRIORITY ']) : '';
    const orders: string[] = [];
    const [shown] = columns;
    if (random.chance(25)) {
      const key = random.below(10);
      if (key < 2) orders.push(random.pick(['1', '2', '(1)', '+1']));
      else if (key < 4 && shown !== undefined) orders.push(shown.name);
      else orders.push(this.#value(sources, 1));
    }
    const order = orders.length > 0 ? ` ORDER BY ${orders.join(', ')}${random.pick(['', ' DESC', ' ASC'])}` : '';
    const text = `SELECT ${modifier}${sql} FROM ${fromOf(sources)}${where}${order}`;
    if (!random.chance(15)) return { sql: text, columns };
    const [all = ''] = this.#limits;
    const limit = random.pick(this.#limits);
    return { sql: `${text}${!this.#mysql && sortsRows(text) ? all : limit}`, columns };
  }

  #grouped(sources: readonly Source[], where: string, depth: number, width = 2): { sql: string; columns: Column[] } {
    const random = this.#random;
    const key = this.#column(sources);
    const argument = random.chance(30) ? '*' : this.#value(sources, depth > 0 ? 1 : 0);
    const name = argument === '*' ? 'COUNT' : random.pick(['COUNT', 'MAX', 'MIN', 'COUNT']);
    const items = [`${key} AS g0`, `${name}(${argument}) AS g1`, '1 AS g2'].slice(0, width);
    const having = random.chance(30) ? ' HAVING COUNT(*) > 0' : '';
    const columns = items.map((_, i) => ({ name: `g${i}`, secret: false }));
    return { sql: `SELECT ${items.join(', ')} FROM ${fromOf(sources)}${where} GROUP BY ${key}${having}`, columns };
  }

  #items(sources: readonly Source[], depth: number, width?: number): { sql: string; columns: Column[] } {
    const random = this.#random;
    const [only] = sources;
    if (width === undefined && random.chance(12)) {
      const shown = sources.flatMap(({ columns }) => columns);
      const safe = !shown.some(({ secret }) => secret);
      if (safe || this.#secrets > 0) {
        if (!safe) this.#touched = true;
        // A star over several tables may repeat names, which a derived table does not take.
        if (sources.length === 1)
          return { sql: random.chance(50) || only?.alias === '' ? '*' : `${only?.alias}.*`, columns: [...shown] };
      }
    }
    const count = width ?? 1 + random.below(4);
    const columns: Column[] = [];
    const items: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const label = `${random.pick(LABELS)}${i === 0 ? '' : i}`;
      const before = columns[i - 1]?.name;
      // MariaDB 10.11 does not survive that in RETURNING.
      if (before !== undefined && only?.alias !== '' && random.chance(5)) {
        items.push(`(SELECT ${before}) AS ${label}`);
        columns.push({ name: label, secret: false });
        if (this.#secrets > 0) this.#touched = true;
        continue;
      }
      if (random.chance(60)) {
        const source = random.pick(sources);
        const column = this.#columnOf(source.columns);
        const name = source.alias === '' ? column.name : `${source.alias}.${column.name}`;
        const alias = random.pick([` AS ${label}`, ` ${label}`, ` AS '${label}'`]);
        items.push(`${random.chance(8) ? `(${name})` : name}${alias}`);
        columns.push({ name: label, secret: column.secret });
      } else {
        items.push(`${this.#value(sources, depth > 0 ? 2 : 1)} AS ${label}`);
        columns.push({ name: label, secret: false });
      }
    }
    return { sql: items.join(', '), columns };
  }

  #sources(depth: number, among?: readonly string[]): readonly Source[] {
    const random = this.#random;
    const sources = [this.#source(depth, among)];
    if (among === undefined && random.chance(35)) sources.push(this.#source(Math.max(0, depth - 1)));
    if (sources.length < 2) return sources;
    const [first, second] = sources as [Source, Source];
    const on = `${first.alias}.${this.#columnOf(first.columns).name} = ${second.alias}.${this.#columnOf(second.columns).name}`;
    const join = random.pick([' JOIN ', ' LEFT JOIN ', ' INNER JOIN ', ', ', ' CROSS JOIN ', ' RIGHT JOIN ']);
    if (random.chance(10)) {
      const merged = this.#mergingJoin(first, second);
      if (merged !== undefined) return [first, { ...second, sql: merged }];
    }
    const needsOn = /LEFT|RIGHT/.test(join);
    const condition = join === ', ' || join === ' CROSS JOIN ' ? '' : needsOn || random.chance(80) ? ` ON ${on}` : '';
    // The second source carries the whole join; `fromOf` takes the last one's text.
    return [first, { ...second, sql: `${first.sql}${join}${second.sql}${condition}` }];
  }

  /** A join that compares columns of the same name; undefined where that touches what must not be touched. */
  #mergingJoin(first: Source, second: Source): string | undefined {
    const random = this.#random;
    const side = random.pick(['', 'LEFT ', 'RIGHT ', 'INNER ']);
    const common = first.columns.filter(({ name }) => second.columns.some((column) => column.name === name));
    const compared = random.chance(40) ? common : [random.pick(common)];
    if (common.length === 0) return undefined;
    const names = new Set(compared.map(({ name }) => name));
    const secret = [...first.columns, ...second.columns].some((column) => column.secret && names.has(column.name));
    if (secret && this.#secrets === 0) return undefined;
    if (secret) this.#touched = true;
    if (compared === common) return `${first.sql} NATURAL ${side}JOIN ${second.sql}`;
    return `${first.sql} ${side}JOIN ${second.sql} USING (${[...names].join(', ')})`;
  }

  #source(depth: number, among?: readonly string[]): Source {
    const random = this.#random;
    this.#aliases += 1;
    const alias = random.chance(10) ? `phone_${this.#aliases}` : `t${this.#aliases}`;
    if (depth > 0 && among === undefined && random.chance(25)) {
      const { sql, columns } = this.#query(depth - 1);
      return { sql: `(${sql}) ${random.pick(['', 'AS '])}${alias}`, alias, columns };
    }
    const name = random.pick(among ?? (this.#secrets === 0 ? SAFE_TABLES : TABLE_NAMES));
    const columns = (TABLES[name] ?? []).map((column) => ({
      name: column.replace('*', ''),
      secret: column.endsWith('*'),
    }));
    const table = random.pick([name, `clinic.${name}`, name]);
    return { sql: `${table} ${random.pick(['', 'AS '])}${alias}`, alias, columns };
  }

  #columnOf(columns: readonly Column[]): Column {
    const random = this.#random;
    const secrets = columns.filter(({ secret }) => secret);
    const others = columns.filter(({ secret }) => !secret);
    const wantsSecret = secrets.length > 0 && (others.length === 0 || random.chance(this.#secrets));
    if (wantsSecret) this.#touched = true;
    return random.pick(wantsSecret ? secrets : others);
  }

  #column(sources: readonly Source[]): string {
    const source = this.#random.pick(sources);
    const { name } = this.#columnOf(source.columns);
    // A name alone may mean the column of another table, or of a query around: only where nothing is protected is it sure
    // that nothing is touched.
    const alone = source.alias === '' || (this.#secrets > 0 && this.#random.chance(20));
    if (alone && source.alias !== '') this.#touched = true;
    return alone ? name : `${source.alias}.${name}`;
  }

  #literal(): string {
    return this.#random.pick(LITERALS);
  }

  #value(sources: readonly Source[], depth: number): string {
    const random = this.#random;
    const column = this.#column(sources);
    if (depth <= 0) return column;
    const inner = (): string => this.#value(sources, depth - 1);
    switch (random.below(30)) {
      case 0:
        return `CONCAT(${inner()}, ${this.#literal()})`;
      case 1:
        return `CHAR_LENGTH(${inner()})`;
      case 2:
        return `UPPER(${inner()})`;
      case 3:
        return `IF(${inner()} IS NULL, ${this.#literal()}, ${inner()})`;
      case 4:
        return `CASE WHEN ${inner()} IS NULL THEN 1 ELSE ${this.#literal()} END`;
      case 5:
        return `COALESCE(${inner()}, ${this.#literal()})`;
      case 6:
        return `CAST(${inner()} AS CHAR)`;
      case 7:
        return `SUBSTRING(${inner()}, 1, 6)`;
      case 8:
        return `REVERSE(${inner()})`;
      case 9:
        return `HEX(${inner()})`;
      case 10:
        return `TO_BASE64(${inner()})`;
      case 11:
        return `JSON_OBJECT('k', ${inner()})`;
      case 12:
        return `(${inner()} = ${inner()})`;
      case 13:
        return `(${inner()} IN (${this.#literal()}, ${inner()}))`;
      case 14:
        return `NULLIF(${inner()}, ${this.#literal()})`;
      case 15:
        return `(${inner()})`;
      case 16:
        return `GREATEST(${inner()}, 'a')`;
      case 17:
        return `TRIM(BOTH 'q' FROM ${inner()})`;
      case 18:
        return `${inner()} COLLATE utf8mb4_bin`;
      case 19:
        return `REPLACE(${inner()}, 'q', '')`;
      case 20:
      case 21:
        return `(SELECT ${this.#scalar(sources, depth)})`;
      case 22:
        return `EXISTS (${this.#correlated(sources)})`;
      case 23:
        return `${random.pick(['RANK()', 'DENSE_RANK()', 'COUNT(*)'])} OVER (PARTITION BY ${column} ORDER BY ${inner()})`;
      case 24:
        return `twice(${random.below(9)})`;
      case 25:
        return random.chance(this.#secrets) ? this.#secretFunction() : this.#literal();
      default:
        return column;
    }
  }

  #secretFunction(): string {
    this.#touched = true;
    return 'get_phone(1)';
  }

  /** The rest of a subquery with one value. */
  #scalar(outer: readonly Source[], depth: number): string {
    const random = this.#random;
    const [inner] = this.#sources(0) as [Source];
    const pool = random.chance(40) ? [...outer, inner] : [inner];
    const value = random.pick([
      // Of a column from outside it would be an aggregate of the outer query, with any row of it beside.
      `COUNT(${this.#value([inner], 0)})`,
      `MAX(${this.#value([inner], depth - 1 > 0 ? 1 : 0)})`,
      'COUNT(*)',
    ]);
    return `${value} FROM ${inner.sql}${random.chance(50) ? ` WHERE ${this.#condition(pool, 0)}` : ''}`;
  }

  #correlated(outer: readonly Source[]): string {
    const inner = this.#source(0);
    const shown =
      inner.columns.some(({ secret }) => secret) && this.#secrets === 0 ? '1' : this.#random.pick(['1', '*']);
    return `SELECT ${shown} FROM ${inner.sql} WHERE ${this.#column([inner])} = ${this.#column(outer)}`;
  }

  #condition(sources: readonly Source[], depth: number): string {
    const random = this.#random;
    const value = (): string => this.#value(sources, Math.min(depth, 1));
    switch (random.below(10)) {
      case 0:
        return `${value()} = ${this.#literal()}`;
      case 1:
        return `${value()} IS NOT NULL`;
      case 2:
        return `${value()} LIKE '%a%'`;
      case 3:
        return `${value()} BETWEEN ${this.#literal()} AND ${this.#literal()}`;
      case 4:
        return `(${this.#condition(sources, 0)} OR ${this.#condition(sources, 0)})`;
      case 5:
        return `NOT (${this.#condition(sources, 0)})`;
      case 6:
        return `${random.chance(50) ? 'NOT ' : ''}EXISTS (${this.#correlated(sources)})`;
      case 7:
        return `${this.#column(sources)} IN (SELECT ${this.#scalarColumn()})`;
      case 8:
        return `(${this.#column(sources)}, ${this.#column(sources)}) IN ((1, 2), ('x', 3))`;
      default:
        return `${this.#column(sources)} <> ${this.#literal()}`;
    }
  }

  #scalarColumn(): string {
    const inner = this.#source(0);
    return `${this.#column([inner])} FROM ${inner.sql}`;
  }

  /** The same statement in another dress: white space, comments, case, quotes. */
  #dressed(sql: string): string {
    const random = this.#random;
    if (random.chance(30)) return sql;
    const tokens = sql.match(/'(?:[^'\\]|\\.|'')*'|@?\w+\(|@\w+|[\w.]+|<>|[^\s\w]/g) ?? [];
    let text = '';
    let executable = 0;
    for (const [i, token] of tokens.entries()) {
      let shown = token;
      if (/^[A-Z]+\(?$/.test(token) && random.chance(30)) shown = token.toLowerCase();
      else if (/^\w+\.\w+$/.test(token) && !/^\d/.test(token) && random.chance(30)) {
        const [table = '', column = ''] = token.split('.');
        shown = random.pick([
          `\`${table}\`.\`${column}\``,
          `${table} . ${column}`,
          `${table}.${column.toUpperCase()}`,
          `${table}./* phone */${column}`,
        ]);
        if (table === 'clinic') shown = random.pick([`\`clinic\`.${column}`, `clinic . ${column}`, token]);
      }
      if (executable === 0 && random.chance(2)) {
        executable = 1 + random.below(4);
        text += random.pick(['/*! ', '/*!40000 ', '/*!50000 ']);
      }
      text += shown;
      if (executable > 0) {
        executable -= 1;
        if (executable === 0 || i === tokens.length - 1) {
          executable = 0;
          text += '*/';
        }
      }
      // No comment begins inside an executable one.
      text +=
        executable === 0 && random.chance(8)
          ? random.pick(['/**/', ' /* phone */ ', '\n', '\t', ' -- x\n', ' # patients\n', '  '])
          : ' ';
    }
    return text;
  }
}

/** MariaDB orders sorted rows that are equal by where they lie in its memory: which ones come first depends on nothing. */
export function sortsRows(sql: string): boolean {
  return /\b(ORDER|OVER)\b/i.test(sql);
}

function fromOf(sources: readonly Source[]): string {
  return sources[sources.length - 1]?.sql ?? 'dual';
}

function wrap(sql: string, random: Random): string {
  // An ORDER BY of a branch needs its parentheses.
  return / ORDER BY | LIMIT /.test(sql) || random.chance(30) ? `(${sql})` : sql;
}
