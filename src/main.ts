/**
 * Composition root. A stand-in that fixes the functions cli.ts calls; everything it imports, it imports lazily, so that
 * `sluice check` does not load the data plane.
 */
import type { CliOptions, FileProblem } from './cli-options.ts';

/** Runs sluice until it is told to stop; resolves after the drain. */
export async function run(_options: CliOptions): Promise<void> {
  throw new Error('the proxy is not wired up yet');
}

/** Problems of a config file in the order of the file; none when it is good. Rejects when the file cannot be read. */
export async function checkConfigFile(_path: string): Promise<readonly FileProblem[]> {
  throw new Error('check is not wired up yet');
}
