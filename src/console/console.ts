/**
 * The admin console, `sluice admin`. It owns the order of things: password, connection, then -e, a script or a dialogue;
 * it formats nothing and splits nothing itself.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { ConsoleOptions, PasswordSource } from '../cli-options.ts';
import { AdminConnection, StatementFailed } from './admin-connection.ts';
import { runDialogue } from './dialogue.ts';
import { HistoryFile } from './history.ts';
import { askPassword } from './password-prompt.ts';
import { describeFailure, type RunnerOptions, runStatement } from './runner.ts';
import { splitStatements } from './statement-splitter.ts';

/** Runs the console to its end; returns the exit code: 0, or 1 when connecting or a statement failed. */
export async function runConsole(options: ConsoleOptions): Promise<number> {
  const connection = new AdminConnection({ ...options, password: await resolvePassword(options.password) });
  try {
    await connection.connect();
    return await serve(options, connection);
  } catch (error) {
    if (!(error instanceof StatementFailed)) throw error;
    process.stderr.write(describeFailure(error));
    return 1;
  } finally {
    await connection.close();
  }
}

function resolvePassword(source: PasswordSource): Promise<string> | string {
  return source === 'ask' ? askPassword() : source.value;
}

async function serve(options: ConsoleOptions, connection: AdminConnection): Promise<number> {
  const onTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const interactive = options.execute === undefined && onTerminal;
  const runner: RunnerOptions = {
    run: (sql) => connection.run(sql),
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    format: options.format ?? (onTerminal ? 'table' : 'tsv'),
    skipColumnNames: options.skipColumnNames,
    interactive,
    nowMs: () => performance.now(),
  };
  if (!interactive) return runScript(options.execute ?? (await readAll(process.stdin)), options.force, runner);
  process.stdout.write(greeting(connection.serverVersion));
  await runDialogue({
    input: process.stdin,
    output: process.stdout,
    history: new HistoryFile(join(homedir(), '.sluice_history')),
    execute: async (statement) => {
      await runStatement(statement, runner);
    },
  });
  return 0;
}

async function runScript(script: string, force: boolean, runner: RunnerOptions): Promise<number> {
  let exitCode = 0;
  for (const statement of splitStatements(script)) {
    if (await runStatement(statement, runner)) continue;
    exitCode = 1;
    if (!force) break;
  }
  return exitCode;
}

function greeting(serverVersion: string | undefined): string {
  const version = serverVersion === undefined ? '' : ` Server version ${serverVersion}.`;
  return `sluice admin console.${version} Statements end with ; or \\G; \\? helps, \\q leaves.\n\n`;
}
