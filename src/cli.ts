#!/usr/bin/env node
/**
 * The command line: commander's definition turned into one frozen Invocation, and the entry point that carries it out.
 * It holds no behaviour of its own; main.ts, console/ and demo/ are loaded only when they are asked for.
 */
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import {
  type CliOptions,
  CONFIG_FILE_LOOKUP,
  type ConsoleOptions,
  DEFAULT_DATA_DIR,
  type DemoOptions,
  type PasswordSource,
} from './cli-options.ts';
import { PROXYSQL_VERSION, VERSION } from './util/version.ts';

export type { CliOptions, ConsoleOptions, DemoOptions, FileProblem } from './cli-options.ts';

/** Exit code for a command line that cannot be understood. */
export const EXIT_USAGE = 2;

/** What one command line asks for. `print` is help, the version, or what is wrong with the command line. */
export type Invocation =
  | { readonly command: 'run'; readonly options: CliOptions }
  | { readonly command: 'admin'; readonly options: ConsoleOptions }
  | { readonly command: 'check'; readonly file: string }
  | { readonly command: 'demo'; readonly options: DemoOptions }
  | { readonly command: 'print'; readonly exitCode: number; readonly text: string };

export interface CommandLineEnvironment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly fileExists: (path: string) => boolean;
}

/**
 * Reads a command line (without `node` and the script). Never throws and never exits: everything wrong with it comes
 * back as a `print` with exit code 2.
 */
export function parseCommandLine(
  args: readonly string[],
  environment: CommandLineEnvironment = { variables: process.env, fileExists: existsSync },
): Invocation {
  const printed: string[] = [];
  let result: Invocation | undefined;
  const program = defineProgram(environment, (invocation) => {
    result = Object.freeze(invocation);
  });
  const capture = { writeOut: (text: string) => printed.push(text), writeErr: (text: string) => printed.push(text) };
  for (const command of [program, ...program.commands]) command.configureOutput(capture).exitOverride();
  try {
    program.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { command: 'print', exitCode: error.exitCode === 0 ? 0 : EXIT_USAGE, text: printed.join('') };
  }
  return result ?? { command: 'print', exitCode: EXIT_USAGE, text: program.helpInformation() };
}

function defineProgram(environment: CommandLineEnvironment, accept: (invocation: Invocation) => void): Command {
  const program = new Command('sluice');
  program
    .description('A MySQL proxy that speaks ProxySQL: its admin SQL, tables, rules and config file.')
    .version(
      `sluice version ${VERSION} (ProxySQL ${PROXYSQL_VERSION} compatible), Node ${process.version}`,
      '-V, --version',
      'print the version',
    )
    .helpOption('-h, --help', 'print this help')
    .option('-f, --foreground', 'accepted; sluice always stays in the foreground')
    .option('-c, --config <file>', `config file (else the first of ${CONFIG_FILE_LOOKUP.join(', ')})`)
    .option('-D, --datadir <dir>', `data directory (else the config file's, else ${DEFAULT_DATA_DIR})`)
    .option('--initial', 'set the database on disk aside and start from the config file')
    .option('--reload', 'merge the config file into the database on disk')
    .option('-n, --no-start', 'start the admin interface only')
    .option('-M, --no-monitor', 'do not start the monitor')
    .option('-e, --exit-on-error', 'exit when something is wrong at start-up')
    .option('-S, --admin-socket <path>', 'Unix socket for the admin interface')
    .option('-U, --uuid <uuid>', 'UUID of this node', parseUuid)
    .option(
      '--workers <n>',
      'worker processes; 0 serves inside the primary (default: mysql-threads, fewer on few processors)',
      parseWorkers,
    )
    .option('-r, --reuseport', 'accepted; workers share one listening socket')
    .option('--idle-threads', 'accepted; idle clients cost no thread')
    .option('--no-version-check', 'accepted; sluice never calls home')
    .option('--sqlite3-server', 'start the SQLite-backed MySQL server (127.0.0.1:6030)')
    .allowExcessArguments()
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(sluice --help lists all options)')
    .addHelpText(
      'after',
      '\nWithout -f ProxySQL goes into the background; sluice leaves that to systemd, Docker or `&`.\n' +
        'SIGTERM lets sessions finish and exits 0; a second one exits at once.',
    )
    .action(() => accept({ command: 'run', options: runOptions(program, environment) }));
  defineAdmin(program, environment, accept);
  defineCheck(program, accept);
  defineDemo(program, accept);
  return program;
}

function runOptions(program: Command, environment: CommandLineEnvironment): CliOptions {
  const [unexpected] = program.args;
  if (unexpected !== undefined) {
    program.error(`error: unknown command '${unexpected}' (there are admin, check and demo)`);
  }
  const values = program.opts<{
    foreground?: true;
    config?: string;
    datadir?: string;
    initial?: true;
    reload?: true;
    start: boolean;
    monitor: boolean;
    exitOnError?: true;
    adminSocket?: string;
    uuid?: string;
    workers?: number;
    reuseport?: true;
    idleThreads?: true;
    versionCheck: boolean;
    sqlite3Server?: true;
  }>();
  if (values.config !== undefined && !environment.fileExists(values.config)) {
    program.error(`error: cannot find the config file '${values.config}'`);
  }
  return Object.freeze<CliOptions>({
    foreground: values.foreground === true,
    configFile: values.config ?? CONFIG_FILE_LOOKUP.find(environment.fileExists),
    dataDir: values.datadir,
    initial: values.initial === true,
    reload: values.reload === true,
    noStart: !values.start,
    noMonitor: !values.monitor,
    exitOnError: values.exitOnError === true,
    adminSocket: values.adminSocket,
    uuid: values.uuid,
    idleThreads: values.idleThreads === true,
    noVersionCheck: !values.versionCheck,
    reusePort: values.reuseport === true,
    sqlite3Server: values.sqlite3Server === true,
    workers: values.workers,
  });
}

/** The letters are the mysql client's, so that fingers need not learn anything (`-h` is the host). */
function defineAdmin(
  program: Command,
  { variables }: CommandLineEnvironment,
  accept: (invocation: Invocation) => void,
): void {
  const admin = program.command('admin');
  admin
    .description('admin console: run admin SQL, interactively, from -e or from standard input')
    .helpOption('-?, --help', 'print this help')
    .option('-h, --host <host>', 'admin host', '127.0.0.1')
    .option('-P, --port <port>', 'admin port', parsePort, 6032)
    .option('-S, --socket <path>', 'admin Unix socket')
    .option('-u, --user <user>', 'admin user', 'admin')
    .option('-p, --password [password]', 'password; asked for when -p stands alone')
    .option('-e, --execute <sql>', 'run these statements and exit')
    .addOption(new Option('-t, --table', 'write tables (default on a terminal)').conflicts(['tsv', 'json', 'vertical']))
    .addOption(new Option('-B, --tsv', 'write tab-separated lines (default otherwise)').conflicts(['json', 'vertical']))
    .addOption(new Option('-E, --vertical', 'write one column a line').conflicts(['json']))
    .option('--json', 'write one JSON array of rows per result')
    .option('-N, --skip-column-names', 'leave the column names out')
    .option('-f, --force', 'go on after an error')
    .showSuggestionAfterError()
    .showHelpAfterError('(sluice admin --help lists all options)')
    .addHelpText(
      'after',
      '\nThe password may also come from SLUICE_ADMIN_PASSWORD or MYSQL_PWD; with none of them it is `admin` for the\n' +
        'user admin on this machine, as ProxySQL ships. Exit code 1 when a statement failed, 2 for a wrong option.',
    )
    .action(() => accept({ command: 'admin', options: consoleOptions(admin, variables) }));
}

function consoleOptions(admin: Command, variables: CommandLineEnvironment['variables']): ConsoleOptions {
  const values = admin.opts<{
    host: string;
    port: number;
    socket?: string;
    user: string;
    password?: string | true;
    execute?: string;
    table?: true;
    tsv?: true;
    vertical?: true;
    json?: true;
    skipColumnNames?: true;
    force?: true;
  }>();
  return Object.freeze<ConsoleOptions>({
    host: values.host,
    port: values.port,
    socketPath: values.socket,
    user: values.user,
    password: passwordSource(values, variables),
    execute: values.execute,
    format: values.json
      ? 'json'
      : values.vertical
        ? 'vertical'
        : values.tsv
          ? 'tsv'
          : values.table
            ? 'table'
            : undefined,
    skipColumnNames: values.skipColumnNames === true,
    force: values.force === true,
  });
}

/** ProxySQL ships with admin:admin, which it accepts from the machine itself only. */
const SHIPPED_PASSWORD = 'admin';

function passwordSource(
  values: { readonly host: string; readonly user: string; readonly password?: string | true },
  variables: CommandLineEnvironment['variables'],
): PasswordSource {
  if (values.password === true) return 'ask';
  const given = values.password ?? variables.SLUICE_ADMIN_PASSWORD ?? variables.MYSQL_PWD;
  const local = ['127.0.0.1', '::1', 'localhost'].includes(values.host);
  return Object.freeze({ value: given ?? (local && values.user === 'admin' ? SHIPPED_PASSWORD : '') });
}

function defineCheck(program: Command, accept: (invocation: Invocation) => void): void {
  program
    .command('check')
    .description('check a config file; prints file:line:column: message for every problem')
    .argument('<file>', 'the config file')
    .showHelpAfterError('(sluice check --help says more)')
    .action((file: string) => accept({ command: 'check', file }));
}

function defineDemo(program: Command, accept: (invocation: Invocation) => void): void {
  const demo = program.command('demo');
  demo
    .description('run sluice in front of a small clinic database; needs no MySQL server')
    .option('-D, --datadir <dir>', 'keep the data here (default: a temporary directory)')
    .addOption(
      new Option('--admin-port <port>', 'admin port').argParser(parsePort).env('SLUICE_DEMO_ADMIN_PORT').default(6032),
    )
    .addOption(
      new Option('--mysql-port <port>', 'MySQL port').argParser(parsePort).env('SLUICE_DEMO_MYSQL_PORT').default(6033),
    )
    .showHelpAfterError('(sluice demo --help lists all options)')
    .action(() => {
      const values = demo.opts<{ datadir?: string; adminPort: number; mysqlPort: number }>();
      const options = { dataDir: values.datadir, adminPort: values.adminPort, mysqlPort: values.mysqlPort };
      accept({ command: 'demo', options: Object.freeze<DemoOptions>(options) });
    });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

function parseWorkers(text: string): number {
  const workers = Number(text);
  if (!/^\d+$/.test(text) || workers > 256) throw new InvalidArgumentError('It is a number from 0 to 256.');
  return workers;
}

function parseUuid(text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw new InvalidArgumentError('It looks like 123e4567-e89b-12d3-a456-426614174000.');
  }
  return text.toLowerCase();
}

async function main(args: readonly string[]): Promise<void> {
  const invocation = parseCommandLine(args);
  switch (invocation.command) {
    case 'print':
      (invocation.exitCode === 0 ? process.stdout : process.stderr).write(invocation.text);
      process.exitCode = invocation.exitCode;
      return;
    case 'run':
      return (await import('./main.ts')).run(invocation.options);
    case 'check':
      process.exitCode = await check(invocation.file);
      return;
    case 'admin':
      hidePassword();
      process.exitCode = await (await import('./console/console.ts')).runConsole(invocation.options);
      return;
    case 'demo':
      process.exitCode = await (await import('../demo/demo.ts')).runDemo(invocation.options);
      return;
  }
}

/** Prints every problem of the file as `file:line:column: message`; returns the exit code, 1 when one is an error. */
async function check(file: string): Promise<number> {
  const problems = await (await import('./main.ts')).checkConfigFile(file);
  for (const { file: path, line, column, severity, message } of problems) {
    const prefix = severity === 'warning' ? 'warning: ' : '';
    process.stdout.write(`${path}:${line}:${column}: ${prefix}${message}\n`);
  }
  if (problems.length === 0) process.stdout.write(`${file}: no problems found\n`);
  return problems.some(({ severity }) => severity === 'error') ? 1 : 0;
}

/** `ps` shows the title instead of the arguments; a password among them is visible only until this line. */
function hidePassword(): void {
  process.title = 'sluice admin';
}

function startedAsProgram(): boolean {
  const script = process.argv[1];
  return script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url);
}

if (startedAsProgram()) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`sluice: ${error instanceof Error ? error.message : String(error)}\n`);
    // At once: whatever a failed start has left behind must not keep the process.
    process.exit(1);
  });
}
