/**
 * fast-check for property tests, which draw the same cases in every run. `SLUICE_TEST_SEED` draws others, and a failure
 * prints the seed it was found with. Everybody gets it from here: without the seed it must not be used.
 */
import fc from 'fast-check';

const DEFAULT_SEED = 20_261_123;

fc.configureGlobal({ seed: Number(process.env.SLUICE_TEST_SEED ?? DEFAULT_SEED) });

export { fc };
