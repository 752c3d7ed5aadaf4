/**
 * The admin console, `sluice admin`. It owns the order of things: password, connection, then -e, a script or a dialogue;
 * it formats nothing and splits nothing itself.
 */
import type { ConsoleOptions } from '../cli-options.ts';

/** Runs the console to its end; returns the exit code. */
export async function runConsole(_options: ConsoleOptions): Promise<number> {
  throw new Error('the console is not built yet');
}
