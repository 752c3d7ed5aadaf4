/**
 * The clinic: a schema with protected columns on a MariaDB or a MySQL 9, and a sluice in front of it that masks them for
 * one user. It plays cases and looks for protected values in whatever comes back; it expects nothing.
 */
import mysql, { type Connection, type ConnectionOptions } from 'mysql2/promise';
import { type DatabaseServer, startMariadbs } from './mariadb.ts';
import { startMysql9 } from './mysql9.ts';
import { type SluiceOptions, SluiceProcess } from './sluice-process.ts';

export type Family = 'mariadb' | 'mysql8';

/** One case: a statement, what surrounds it, and what may come of it. */
export interface MaskingCase {
  readonly id: string;
  readonly category?: string;
  readonly sql: string;
  readonly setup?: readonly string[];
  /** The set-up goes by prepared statements. */
  readonly setup_binary?: boolean;
  readonly then?: string;
  readonly after?: readonly string[];
  readonly acceptable: readonly ('masked' | 'blocked' | 'allowed')[];
  readonly benign?: boolean;
  readonly oracle?: boolean;
  readonly probe_false?: string;
  readonly protocol?: string;
  readonly params?: readonly (string | number)[];
  readonly engines?: readonly string[];
  readonly needs_harness?: boolean;
  readonly tx?: boolean;
}

/** What a statement came to, in a form two of them can be compared in. */
export interface Outcome {
  /** Rows of all results, column names first; an error as its number and text. */
  readonly told: readonly unknown[];
  readonly error: { readonly errno: number; readonly message: string } | undefined;
}

const FAMILY_SQL: Readonly<Record<Family, readonly string[]>> = {
  mariadb: ["CREATE USER 'clerk'@'%' IDENTIFIED BY 'clerk'", "GRANT ALL ON *.* TO 'clerk'@'%' WITH GRANT OPTION"],
  mysql8: ["CREATE USER 'clerk'@'%' IDENTIFIED BY 'clerk'", "GRANT ALL ON *.* TO 'clerk'@'%' WITH GRANT OPTION"],
};

export const CLERK = { user: 'clerk', password: 'clerk', database: 'clinic' } as const;

const PATIENTS = [
  "(1,'Andi','081234567801',11,'andi@x.io','ACC7700112233',770011,'Jakarta','ok','2024-01-01')",
  "(2,'Budi','081234567802',12,'budi@x.io','ACC7700112244',770022,'Bandung','ok','2024-01-02')",
  "(3,'Citra','085566778899',13,'citra@x.io','ACC7700112255',770033,'Jakarta','ok','2024-01-03')",
];

/** What no clerk may see, in any form. */
export const PROTECTED_VALUES: readonly string[] = [
  '081234567801',
  '081234567802',
  '085566778899',
  'ACC7700112233',
  'ACC7700112244',
  'ACC7700112255',
  '770011',
  '770022',
  '770033',
];

/** The schema of the cases, one statement each. */
export const CLINIC: readonly string[] = [
  'CREATE DATABASE clinic CHARACTER SET utf8mb4',
  'USE clinic',
  `CREATE TABLE patients(id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50), phone VARCHAR(20), phone_ext INT,
    email VARCHAR(80), bank_account_number VARCHAR(34), bank_pin BIGINT, city VARCHAR(30), note TEXT, created_at DATETIME,
    UNIQUE KEY uq_phone(phone), FULLTEXT KEY ft(phone))`,
  `INSERT INTO patients VALUES ${PATIENTS.join(', ')}`,
  'CREATE TABLE clinics(id INT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(50), phone VARCHAR(20), city VARCHAR(30))',
  "INSERT INTO clinics VALUES (1,'Main','0215550101','Jakarta'),(2,'West','0225550102','Bandung')",
  'CREATE TABLE guesses(id INT PRIMARY KEY AUTO_INCREMENT, phone VARCHAR(20), label VARCHAR(20))',
  "INSERT INTO guesses VALUES (1,'081234567801','guess-hit'),(2,'000','guess-miss')",
  `CREATE TABLE appointments(id INT PRIMARY KEY AUTO_INCREMENT, patient_id INT, clinic_id INT, status VARCHAR(10),
    starts_at DATETIME)`,
  "INSERT INTO appointments VALUES (1,1,1,'done','2024-02-01'),(2,2,1,'open','2024-02-02'),(3,3,2,'open','2024-02-03')",
  'CREATE TABLE scratch(id INT PRIMARY KEY AUTO_INCREMENT, v TEXT)',
  'CREATE VIEW v_contact AS SELECT id, name, phone AS contact FROM patients',
  'CREATE ALGORITHM=TEMPTABLE VIEW v_temp AS SELECT id, phone AS contact FROM patients',
  'CREATE VIEW v_safe AS SELECT id, name, city FROM patients',
  'CREATE FUNCTION get_phone(pid INT) RETURNS VARCHAR(20) READS SQL DATA RETURN (SELECT phone FROM patients WHERE id=pid)',
  'CREATE PROCEDURE list_patients() SELECT id, phone FROM patients',
  'CREATE DATABASE other',
  'CREATE TABLE other.patients(id INT, phone VARCHAR(20))',
  "INSERT INTO other.patients VALUES (1,'0000')",
];

const PROTECT = [
  "INSERT INTO mysql_masking_columns (schemaname, tablename, columnname) VALUES ('clinic','patients','phone'), ('clinic','patients','bank_account_number'), ('clinic','patients','bank_pin')",
  "INSERT INTO mysql_masking_users (username) VALUES ('clerk')",
  'LOAD MYSQL MASKING TO RUNTIME',
];

export class MaskingStage {
  readonly family: Family;
  readonly database: DatabaseServer;
  readonly sluice: SluiceProcess;

  private constructor(family: Family, database: DatabaseServer, sluice: SluiceProcess) {
    this.family = family;
    this.database = database;
    this.sluice = sluice;
  }

  static async start(
    family: Family,
    options: SluiceOptions = {},
    protect: readonly string[] = PROTECT,
  ): Promise<MaskingStage> {
    const setup = [...FAMILY_SQL[family], ...CLINIC];
    const database = family === 'mysql8' ? await startMysql9({ setup }) : (await startMariadbs(1, { setup }))[0];
    if (database === undefined) throw new Error('no server');
    try {
      const sluice = await SluiceProcess.start({
        mysqlVariables: { default_authentication_plugin: 'caching_sha2_password' },
        ...options,
        users: [{ username: 'clerk', password: 'clerk', default_hostgroup: 0 }, ...(options.users ?? [])],
        servers: [{ address: database.host, port: database.port, hostgroup: 0 }],
      });
      await sluice.admin(...protect);
      return new MaskingStage(family, database, sluice);
    } catch (error) {
      await database.stop();
      throw error;
    }
  }

  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return this.sluice.connect({ ...CLERK, ...options });
  }

  /** The same account without a proxy. */
  direct(options: ConnectionOptions = {}): Promise<Connection> {
    return mysql.createConnection({ host: this.database.host, port: this.database.port, ...CLERK, ...options });
  }

  async stop(): Promise<void> {
    await this.sluice.stop();
    await this.database.stop();
  }
}

/** Runs one statement; never rejects for what a server says. */
export async function outcomeOf(
  client: Connection,
  sql: string,
  params?: readonly (string | number)[],
): Promise<Outcome> {
  const errors: Error[] = [];
  const note = (error: Error): void => void errors.push(error);
  client.on('error', note);
  try {
    const options = { sql, rowsAsArray: true, dateStrings: true };
    const [results, fields] =
      params === undefined ? await client.query(options) : await client.execute(options, [...params]);
    const names = JSON.stringify(fields ?? [], (key, value: unknown) =>
      key === 'name' || key === '' || /^\d+$/.test(key) ? value : undefined,
    );
    return { told: [names, withoutIds(results)], error: undefined };
  } catch (error) {
    const { errno, message } = error as { readonly errno: number; readonly message: string };
    return { told: [], error: { errno, message } };
  } finally {
    client.off('error', note);
  }
}

/** Of an OK only what two runs have in common. */
function withoutIds(results: unknown): unknown {
  const { affectedRows } = (results ?? {}) as { readonly affectedRows?: unknown };
  return affectedRows === undefined ? results : { affectedRows };
}

/** Forms of a value that give it away: itself, reversed, in hex and in base64, and its first and last six characters. */
function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const reversed = [...value].reverse().join('');
  const parts = value.length > 8 ? [value.slice(0, 7), value.slice(-7)] : [];
  return [value, reversed, bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), ...parts];
}

const FORMS = PROTECTED_VALUES.flatMap(formsOf).map((form) => form.toLowerCase());

/** The form of a protected value that stands in what was told, if any; what the statement itself says is no leak. */
export function leakIn(outcome: Outcome, sql: string): string | undefined {
  const text = JSON.stringify(outcome, (_key, value: unknown) => {
    const { type, data } = (value ?? {}) as { readonly type?: unknown; readonly data?: unknown };
    return type === 'Buffer' ? Buffer.from(data as number[]).toString('latin1') : value;
  }).toLowerCase();
  const known = sql.toLowerCase();
  return FORMS.find((form) => text.includes(form) && !known.includes(form));
}

/** Connections for cases, of which those that leave nothing behind share one. */
export class CaseConnections {
  readonly #connect: (options: ConnectionOptions) => Promise<Connection>;
  #shared: Connection | undefined;

  constructor(connect: (options: ConnectionOptions) => Promise<Connection>) {
    this.#connect = connect;
  }

  async play(it: MaskingCase, sql: string): Promise<Outcome[]> {
    const leaves = it.setup ?? it.then ?? it.tx ?? it.after;
    const plain = it.protocol === undefined || it.protocol === 'binary';
    if (leaves !== undefined || !plain || /\b(set|use|begin|start|lock|prepare)\b|@|^kill/i.test(sql)) {
      return play(() => this.#connect(optionsOf(it)), it, sql);
    }
    this.#shared ??= await this.#connect({});
    return playOn(this.#shared, it, sql);
  }

  close(): void {
    this.#shared?.destroy();
  }
}

function optionsOf({ protocol }: MaskingCase): ConnectionOptions {
  return {
    ...(protocol === 'multi' && { multipleStatements: true }),
    ...(protocol === 'compress' && { compress: true }),
  };
}

/** Plays a case on a connection of its own. */
export async function play(connect: () => Promise<Connection>, it: MaskingCase, sql: string): Promise<Outcome[]> {
  const client = await connect();
  try {
    return await playOn(client, it, sql);
  } finally {
    client.destroy();
  }
}

async function playOn(client: Connection, it: MaskingCase, sql: string): Promise<Outcome[]> {
  for (const sql of it.setup ?? []) await outcomeOf(client, sql, it.setup_binary === true ? [] : undefined);
  if (it.tx === true) await client.query('BEGIN');
  const outcomes = [await outcomeOf(client, sql, it.protocol === 'binary' ? (it.params ?? []) : undefined)];
  if (outcomes[0]?.error === undefined || it.then?.startsWith('SHOW') === true) {
    for (const statement of it.then?.split(/;\s*/) ?? []) outcomes.push(await outcomeOf(client, statement));
  }
  if (it.tx === true) await client.query('ROLLBACK').catch(() => undefined);
  return outcomes;
}
