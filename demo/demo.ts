/**
 * The demo: three embedded servers and sluice in front of them, configured through its config file.
 */
import type { DemoOptions } from '../src/cli-options.ts';

/** Runs the demo until it is stopped; returns the exit code. */
export async function runDemo(_options: DemoOptions): Promise<number> {
  throw new Error('the demo is not built yet');
}
