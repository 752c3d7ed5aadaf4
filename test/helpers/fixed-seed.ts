/**
 * Loaded before every test file: property tests draw the same cases in every run. `SLUICE_TEST_SEED` draws others, and
 * a failure prints the seed it was found with.
 */
import fc from 'fast-check';

const DEFAULT_SEED = 20_261_123;

fc.configureGlobal({ seed: Number(process.env.SLUICE_TEST_SEED ?? DEFAULT_SEED) });
