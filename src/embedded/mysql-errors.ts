/**
 * What went wrong in MySQL's words: SQLite's errors with the codes and texts drivers expect. It decides nothing about
 * transactions or connections.
 */

/** An error that is answered to the client. */
export class MysqlError extends Error {
  readonly code: number;
  readonly sqlState: string;

  constructor(code: number, sqlState: string, message: string) {
    super(message);
    this.code = code;
    this.sqlState = sqlState;
  }
}

export const mysqlErrors = {
  syntax: (near: string) =>
    new MysqlError(1064, '42000', `You have an error in your SQL syntax; check the manual near '${near}' at line 1`),
  readOnly: () =>
    new MysqlError(
      1290,
      'HY000',
      'The MySQL server is running with the --read-only option so it cannot execute this statement',
    ),
  noDatabase: () => new MysqlError(1046, '3D000', 'No database selected'),
  emptyQuery: () => new MysqlError(1065, '42000', 'Query was empty'),
  unknownDatabase: (name: string) => new MysqlError(1049, '42000', `Unknown database '${name}'`),
  unknownVariable: (name: string) => new MysqlError(1193, 'HY000', `Unknown system variable '${name}'`),
  unknownTable: (name: string) => new MysqlError(1146, '42S02', `Table '${name}' doesn't exist`),
  unknownThread: (id: number) => new MysqlError(1094, 'HY000', `Unknown thread id: ${id}`),
  unknownStatement: (id: number) =>
    new MysqlError(1243, 'HY000', `Unknown prepared statement handler (${id}) given to EXECUTE`),
  unknownCommand: () => new MysqlError(1047, '08S01', 'Unknown command'),
  lockWaitTimeout: () => new MysqlError(1205, 'HY000', 'Lock wait timeout exceeded; try restarting transaction'),
  interrupted: () => new MysqlError(1317, '70100', 'Query execution was interrupted'),
  notSupported: (what: string) => new MysqlError(1235, '42000', `This server does not support ${what}`),
  tooManyConnections: () => new MysqlError(1040, '08004', 'Too many connections'),
} as const;

type Translation = (match: RegExpExecArray, schema: string) => MysqlError;

const BY_MESSAGE: readonly (readonly [pattern: RegExp, translate: Translation])[] = [
  [
    /^no such table: (.+)$/,
    ([, name = ''], schema) => mysqlErrors.unknownTable(name.includes('.') ? name : `${schema}.${name}`),
  ],
  [/^no such column: (.+)$/, ([, name = '']) => unknownColumn(name)],
  [/has no column named (.+)$/, ([, name = '']) => unknownColumn(name)],
  [/^near "([\s\S]+)": syntax error$/, ([, near = '']) => mysqlErrors.syntax(near)],
  [/^unrecognized token: "([\s\S]*)"$/, ([, near = '']) => mysqlErrors.syntax(near)],
  [/^incomplete input$|contains more than one statement$/, () => mysqlErrors.syntax('')],
  [
    /^no such function: (.+)$/,
    ([, name = ''], schema) => new MysqlError(1305, '42000', `FUNCTION ${schema}.${name} does not exist`),
  ],
  [
    /^wrong number of arguments to function (\w+)/,
    ([, name = '']) =>
      new MysqlError(1582, '42000', `Incorrect parameter count in the call to native function '${name}'`),
  ],
  [
    /^ambiguous column name: (.+)$/,
    ([, name = '']) => new MysqlError(1052, '23000', `Column '${name}' in field list is ambiguous`),
  ],
  [
    /^table (\S+) already exists$/,
    ([, name = '']) => new MysqlError(1050, '42S01', `Table '${bare(name)}' already exists`),
  ],
  [
    /values for \d+ columns$|has \d+ columns but \d+ values/,
    () => new MysqlError(1136, '21S01', "Column count doesn't match value count at row 1"),
  ],
  [/^unknown database (.+)$/, ([, name = '']) => mysqlErrors.unknownDatabase(name)],
  [
    /^UNIQUE constraint failed: (.+)$/,
    ([, key = '']) => new MysqlError(1062, '23000', `Duplicate entry for key '${key}'`),
  ],
  [
    /^NOT NULL constraint failed: (.+)$/,
    ([, name = '']) => new MysqlError(1048, '23000', `Column '${bare(name)}' cannot be null`),
  ],
  [
    /^CHECK constraint failed: ([\s\S]+)$/,
    ([, check = '']) => new MysqlError(4025, '23000', `CONSTRAINT \`${check}\` failed`),
  ],
  [
    /^FOREIGN KEY constraint failed/,
    () => new MysqlError(1452, '23000', 'Cannot add or update a child row: a foreign key constraint fails'),
  ],
  [/^database (\S+ )?is locked$|^database table is locked/, () => mysqlErrors.lockWaitTimeout()],
  [/^attempt to write a readonly database/, () => mysqlErrors.readOnly()],
];

/** MySQL's form of whatever was thrown while a statement ran. */
export function toMysqlError(error: unknown, schema: string): MysqlError {
  if (error instanceof MysqlError) return error;
  const message = error instanceof Error ? error.message : String(error);
  for (const [pattern, translate] of BY_MESSAGE) {
    const match = pattern.exec(message);
    if (match !== null) return translate(match, schema);
  }
  return new MysqlError(1105, 'HY000', message);
}

/** True when another connection holds the lock: trying again later may help. */
export function isLockConflict(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^SQLITE_(BUSY|LOCKED)(?!_SNAPSHOT)/.test(code);
}

function unknownColumn(name: string): MysqlError {
  return new MysqlError(1054, '42S22', `Unknown column '${name}' in 'field list'`);
}

function bare(name: string): string {
  return name.replaceAll('"', '').split('.').at(-1) ?? name;
}
