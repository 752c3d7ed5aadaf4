/**
 * Limits of reads in a reader process, each with its default.
 */

/** Large reads at a time; more wait for their turn. */
export const largeReadsMax = 4;
/** Bytes of one answer; its client waits for all of it in the memory of the primary. */
export const readerAnswerBytesMax = 256 * 1024 * 1024;
/** Memory a reader process may take for one statement, in bytes. */
export const readerMemoryBytesMax = 1024 * 1024 * 1024;
/** How long a statement that writes may take on the copy it is tried on, in ms; a slower one is refused. */
export const writeTrialMsMax = 5_000;
/** How long a reader process waits for another read, in ms. */
export const readerIdleMs = 30_000;
